"""The record of one encoder: an in-toto Statement that says what was asked, what was done, and what was measured.

    record = statement("characters/bolt", evidence)         plain data, the same for the same evidence

Its subjects are the files of the encoder's folder, and the folder itself by the digest that OpenSSF model signing gives
it. The predicate is expunge's own (record.schema.json), shaped after in-toto's test-result. It holds no time, so that
the same run gives the same bytes. Of a confidential concept it holds the id and a salted digest: the plan that it is
made of holds codes in place of words.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from expunge.attacks import ATTACKS
from expunge.concepts.concept import Concept
from expunge.core.codes import is_open
from expunge.core.digest import digest
from expunge.core.index import Index, UnitRecord
from expunge.core.unit_names import Name, UnitName
from expunge.metrics.thresholds import parse
from expunge.plan.contract import Plan, pictures_unit
from expunge.records.folder_digest import folder_digest
from expunge.verdicts.verdict_file import FAIL, PASS, UNMEASURED, Reason, Verdict

STATEMENT, PREDICATE = "https://in-toto.io/Statement/v1", "urn:expunge:unlearning-record:v1"
ENCODERS = Path("build/encoders")
REPEATED = ("target", "targets", "near")  # beginnings of a key's parts that say the concepts and their prompts again
STAGES = ("fewshot", "encoders", "renders", "scores", "drift", "attacks")  # folders of build/


@dataclass(frozen=True)
class Evidence:
    """Everything that the records of a run are made of."""

    plan: Plan
    seed: int
    verdicts: Mapping[str, Verdict]
    indexes: Mapping[str, Index]  # by folder of build/, see STAGES
    budgets: Mapping[str, Mapping[str, Any]]  # of the attacks, in params.yaml
    lists: Mapping[str, Mapping[str, str]]  # by list: {"sha256" of its file, "schema": sha256 of the lists' schema}
    tensors: Mapping[str, str] | None  # digests of the original encoder's tensors; None: they could not be read here
    stored: Sequence[str]  # types of the original encoder's numbers, such as F16
    changes: Mapping[str, Mapping[str, Any]]  # by encoder: {part: norms of its changed tensors}
    whole: Mapping[str, Mapping[str, str]]  # by encoder whose change alone is stored: {file, made whole: sha256}
    tables: Mapping[str, Mapping[str, str | None]]  # by encoder: {table of metrics/: sha256 of its own rows}
    origin: Mapping[str, Any]  # git, dvc.lock, versions, hardware: `records.origin`


def statement(encoder: str, of: Evidence) -> dict[str, Any]:
    """:param encoder: "list/encoder" of the plan, with a verdict."""
    plan, verdict, job = of.plan, of.verdicts[encoder], of.plan.encoders[encoder]
    release = plan.release_of(encoder)
    files = of.indexes["encoders"].units[encoder].files
    folder = (ENCODERS / encoder).as_posix()
    subjects = [{"name": f"{folder}/{name}", "digest": {"sha256": files[name]}} for name in sorted(files)]
    subjects.append({"name": folder, "digest": {"sha256": folder_digest(files)}})
    budgets = of.budgets if release is None or release.attack is None else release.attack
    lists = sorted({Name.parse(concept).list for concept in job.concepts})
    return {
        "_type": STATEMENT,
        "subject": subjects,
        "predicateType": PREDICATE,
        "predicate": {
            "encoder": encoder,
            "result": result_of(verdict),
            "configuration": [{"name": f"concepts/{id_}.yaml", "digest": {"sha256": of.lists[id_]["sha256"]}}
                              for id_ in lists],
            **tests_of(verdict),
            "verdict": {key: getattr(verdict, key) for key in ("verdict", "required", "gates", "about", "base")}
            | ({"note": verdict.note} if verdict.note else {}),
            "evaluations": [evaluation(reason) for reason in verdict.reasons],
            "tables": of.tables[encoder],
            "concepts": [asked(name, plan.concepts[name]) for name in job.concepts],
            "lists": {id_: listed(plan, id_, of.lists[id_]) for id_ in lists},
            "base": {
                "name": plan.base.name, "digest": plan.base.models.digest, "parts": plan.base.models.parts,
                "device": plan.base.device, "dtype": plan.base.dtype, "tensors": of.tensors, "stored": of.stored,
            },
            "judge": {"digest": plan.base.judge.digest},
            "method": job.method, "parameters": job.parameters, "seeds": {"run": of.seed, "unlearn": job.seed},
            "images": {name: dict(sorted(unit.files.items())) for name, unit in images_of(encoder, of).items()},
            "changes": of.changes[encoder],
            **({"whole": of.whole[encoder]} if of.whole.get(encoder) else {}),
            "attacks": {name: {**ATTACKS[name].defaults, **(budget or {})} for name, budget in budgets.items()},
            "attacked": list(job.concepts if release is None else release.attacked),
            "units": {stage: units for stage in STAGES if (units := dict(keys_of(encoder, stage, of)))},
            "origin": of.origin,
            "notCovered": not_covered(of.changes[encoder]),
        },
    }  # fmt: skip


def result_of(verdict: Verdict) -> str:
    """PASSED or FAILED; WARNED where it does not pass and need not."""
    return "PASSED" if verdict.verdict == PASS else "FAILED" if verdict.required else "WARNED"


def tests_of(verdict: Verdict) -> dict[str, list[str]]:
    """The gates by how they ended, as in in-toto's test-result: what need not pass, or passes empty, is a warning."""
    tests: dict[str, list[str]] = {"passedTests": [], "warnedTests": [], "failedTests": []}
    for reason in verdict.reasons:
        bad = reason.verdict in (FAIL, UNMEASURED)
        kind = "failedTests" if bad and reason.required else "warnedTests" if bad or reason.empty else "passedTests"
        tests[kind].append(" ".join(filter(None, (reason.concept, reason.modality, reason.metric))))
    return {kind: sorted(names) for kind, names in tests.items()}


def evaluation(reason: Reason) -> dict[str, Any]:
    """A gate and what was measured for it. The sentence is left out: metrics/verdicts.json has it."""
    threshold = parse(reason.threshold)
    assert threshold is not None  # a reason has a threshold
    return {
        "concept": reason.concept, "modality": reason.modality, "metric": reason.metric,
        "comparator": threshold.sign, "threshold": threshold.number, "ofBefore": threshold.of_before,
        "value": reason.value, "interval": [reason.low, reason.high], "n": reason.n, "before": reason.before,
        "passed": None if reason.verdict == UNMEASURED else reason.verdict == PASS,
        "sure": reason.sure, "empty": reason.empty, "required": reason.required,
    }  # fmt: skip


def asked(name: str, concept: Concept) -> dict[str, Any]:
    """A concept as its list writes it, with its request; of a confidential one the id and a digest of its codes, which
    are salted, with what its list says of the request."""
    entry = asdict(replace(concept, where=""))
    del entry["where"]
    request = entry.pop("request")
    if not concept.confidential:
        return {"concept": name, "entry": entry, "request": request}
    shown = {key: value for key, value in (request or {}).items() if value is None or is_open(value)}
    told = any(value is not None for value in shown.values())
    return {"concept": name, "confidential": digest(entry), "request": shown if told else None}


def listed(plan: Plan, id_: str, file: Mapping[str, str]) -> dict[str, Any]:
    return {"title": plan.lists[id_].title, "owner": plan.lists[id_].owner, **file}


def images_of(encoder: str, of: Evidence) -> dict[str, UnitRecord]:
    """The units of few-shot images that the encoder was trained on."""
    names = [pictures_unit(c, shown) for c in of.plan.encoders[encoder].concepts for shown in ("target", "anchor")]
    units = of.indexes["fewshot"].units
    used = of.indexes["encoders"].units[encoder].parts.values()
    return {name: units[name] for name in names if name in units and units[name].key in used}


def keys_of(encoder: str, stage: str, of: Evidence) -> Iterator[tuple[str, dict[str, Any]]]:
    """(unit, its key and what the key is made of) of every unit on the way to the encoder's verdict."""
    plan, units, own = of.plan, of.indexes[stage].units, Name.parse(encoder)
    match stage:
        case "fewshot":
            names = list(images_of(encoder, of))
        case "encoders" | "drift":
            names = [encoder]
        case "attacks":
            names = [name for name in units if UnitName.attack_of(name, own) is not None]
        case _:
            drawn = [Name.parse(each) for each in plan.sets_of(encoder)]
            names = [str(unit) for c in drawn for unit in (UnitName(concept=c, original=True), UnitName(own, c))]
    for name in names:
        if name in units:
            parts = units[name].parts if stage == "encoders" else in_short(units[name].parts)
            yield name, {"key": units[name].key, "parts": parts}


def in_short(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Parts of a key without what they repeat of the concepts, which is there as a digest."""
    repeated = {key: value for key, value in parts.items() if key.partition(".")[0] in REPEATED}
    rest = {key: value for key, value in parts.items() if key not in repeated}
    return {**rest, "targets": digest(repeated)} if repeated else rest


def not_covered(changes: Mapping[str, Any]) -> list[str]:
    """What the edit does not change, and what was not shown, in sentences."""
    told = ["The text encoder alone was changed; the denoiser is as it was."]
    if len(changes) > 1:
        others = " and ".join(f"{part}.safetensors" for part in changes if part != "encoder")
        told = [f"A part of the change lies in {others}; the encoder by itself is not the whole change."]
    return [
        *told,
        "Other text encoders of the same model, if it has any, were not changed.",
        "Embeddings that are fed to the denoiser without this encoder are not held back, textual inversions included.",
        "The original encoder, put back in, undoes the change; so does adapter.safetensors, if it is taken away again.",
        "No other prompts, seeds or attacks were tried than those whose keys stand here.",
    ]
