"""score: what the judge sees in every render, and how good it is, as tables.

build/renders -> build/scores/<unit>/scores.parquet   one unit of renders, reused by key
                 build/scores/scores.parquet          all of them; columns: expunge.judging.table.COLUMNS
                 build/scores/index.json              of a unit also KID, {"KID", "n"}, over its kept pictures

A unit of the original encoder also leaves its features (features.safetensors), from which the others' distances follow.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from expunge.bases.spec import Spec, load_spec
from expunge.concepts.confidential import redact
from expunge.core.unit_names import ORIGINAL
from expunge.judging.features import encode, read_features, write_features
from expunge.judging.formulas import FORMULAS
from expunge.judging.measure import kid_of, measure, versions
from expunge.judging.samples import read_samples
from expunge.judging.table import read_table, write_table
from stages.runtime.models import loaded_judge
from stages.runtime.process import main
from stages.runtime.reuse import Unit, code, read_index, run_units, unit_key
from stages.runtime.sources import CODE

OUT, RENDERS, FEATURES = Path("build/scores"), Path("build/renders"), "features.safetensors"


def run() -> None:
    plan = read_index("build/plan")
    spec = load_spec(plan["base"]["name"])
    units = units_of(plan, read_index(RENDERS)["units"], spec.frames)
    run_units("score", OUT, units, partial(score, spec, plan["base"]["judge"]), spec)
    rows = [row for name in units for row in read_table(OUT / name / "scores.parquet")]
    write_table(OUT / "scores.parquet", redact(rows, plan["concepts"]))


def units_of(plan: Mapping[str, Any], renders: Mapping[str, Any], frames: int) -> dict[str, Unit]:
    """A unit for each of the renders', the original encoder's first: the others are compared with what it draws."""
    version, units = code(*CODE["score"]), dict[str, Unit]()
    for name in sorted(renders, key=lambda name: not name.startswith(f"{ORIGINAL}/")):
        original = original_of(name)
        upstream = [renders[each]["key"] for each in dict.fromkeys((name, original))]
        anchors = plan["training"][original.removeprefix(f"{ORIGINAL}/")]["anchors"]
        how = {"frames": frames, "anchors": anchors}
        key = unit_key("score", version, plan["base"]["judge"], unit_of(name), how, upstream)
        facts = {"original": original, "anchors": anchors, "upstream": upstream}
        units[name] = Unit(key, name, facts, after=(original,) if name != original else ())
    return units


def score(spec: Spec, judge_id: str, name: str, unit: Unit, folder: Path) -> dict[str, Any]:
    """Measure a unit; returns {"samples", "KID"} for the index."""
    judge, original = loaded_judge(spec.name), unit.facts["original"]
    samples = read_samples(RENDERS / name, spec.frames)
    features, originals, before, kid = encode(judge, samples), samples, None, {}
    if name == original:
        write_features(folder / FEATURES, features)
    else:
        originals, before = read_samples(RENDERS / original, spec.frames), read_features(OUT / original / FEATURES)
        kid = kid_of(samples, features, originals, before)
    rows = measure(
        judge, samples, unit_of(name), judge_id, originals,
        formulas=FORMULAS, features=features, original_features=before, anchors=unit.facts["anchors"],
        drawn_with=how_drawn(spec), versions=versions(),
    )  # fmt: skip
    write_table(folder / "scores.parquet", rows)
    return {"samples": len(samples), "KID": kid}


def how_drawn(spec: Spec) -> dict[str, dict[str, Any]]:
    """{"image": {"solver", "steps", "guidance"}, "video": {...}}"""
    return {
        modality: {"solver": how.scheduler or "the pipeline's own", "steps": how.steps, "guidance": how.guidance}
        for modality, how in (("image", spec.t2i), ("video", spec.t2v))
    }


def unit_of(name: str) -> dict[str, str]:
    """ "original/<list>/<concept>" or "<list>/<encoder>/<list>--<concept>" -> the columns list, encoder and concept."""
    first, second, concept = name.split("/")
    if first == ORIGINAL:
        return {"list": second, "encoder": ORIGINAL, "concept": concept}
    return {"list": first, "encoder": second, "concept": concept.removeprefix(f"{first}--")}


def original_of(name: str) -> str:
    """The unit with what the original encoder draws for a unit's concept."""
    first, _, concept = name.split("/")
    return name if first == ORIGINAL else f"{ORIGINAL}/{concept.replace('--', '/', 1)}"


if __name__ == "__main__":
    main(run)
