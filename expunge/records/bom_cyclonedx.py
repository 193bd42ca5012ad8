"""A bill of materials in the form of CycloneDX 1.6: what the model is made of, with its model card.

    text = cyclonedx(facts_of(record), {"encoder/model.safetensors": sha256}, record_sha256)
    problem_of(text)            None: it fits the schema

It follows from the record alone and holds no time, so the same record gives the same bytes: its serial number is made
of the digest of the encoder's folder. The schema is the one that cyclonedx-python-lib ships; its classes know no model
card yet, so the document is plain data.
"""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from expunge.core.files import to_json
from expunge.records.facts import TASKS, Facts, Measured, package_url

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:expunge:bom:v1")
MODEL, BASE, JUDGE = "model", "base", "judge"  # references inside the document


def cyclonedx(facts: Facts, files: Mapping[str, str], record: str) -> str:
    """The document.

    :param files: {path in the release: sha256} of the encoder's files that are handed on. :param record: sha256 of
        record.json.
    :raises ValueError: it does not fit the schema, which is a mistake of expunge.
    """
    libraries = [_library(name, version) for name, version in facts.libraries.items()]
    text = to_json({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, facts.folder)}",
        "metadata": {"component": _model(facts, files, record)},
        "components": [_base(facts), _judge(facts), *libraries],
        "dependencies": [
            {"ref": MODEL, "dependsOn": [BASE, *(each["bom-ref"] for each in libraries)]},
            *({"ref": ref, "dependsOn": []} for ref in (BASE, JUDGE, *(each["bom-ref"] for each in libraries))),
        ],
    })  # fmt: skip
    if problem := problem_of(text):
        raise ValueError(f"the bill of materials of {facts.encoder}: {problem}")
    return text


def problem_of(text: str) -> str | None:
    """Why a document does not fit the schema of CycloneDX 1.6; None where it does."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    return None if error is None else str(error)


def _model(facts: Facts, files: Mapping[str, str], record: str) -> dict[str, Any]:
    return {
        "type": "machine-learning-model", "bom-ref": MODEL, "name": facts.encoder, "version": facts.folder,
        "description": f"A text encoder that was changed to forget {', '.join(facts.concepts)}. {_result(facts)}",
        "hashes": _hashes(facts.weights),
        "pedigree": {
            "ancestors": [{**_base(facts), "bom-ref": f"{BASE}-ancestor"}],
            "notes": f"Changed by the method {facts.method} of expunge. The ancestor's text encoder, put back in, "
            "undoes the change.",
        },
        "externalReferences": [
            {"type": "attestation", "url": "record.json", "hashes": _hashes(record),
             "comment": "what was asked, done and measured"},
            {"type": "model-card", "url": "README.md"},
        ],
        "components": [
            {"type": "file", "bom-ref": f"file:{name}", "name": name, "hashes": _hashes(sha256)}
            for name, sha256 in sorted(files.items())
        ],
        "modelCard": _card(facts),
        "properties": list(_properties({"result": facts.result, "commit": facts.commit or "",
                                        "openssf-model-signing": facts.folder})),
    }  # fmt: skip


def _card(facts: Facts) -> dict[str, Any]:
    return {
        "modelParameters": {
            "task": "text encoding", "architectureFamily": "transformer", "modelArchitecture": facts.encoder_class,
            "datasets": [
                {"type": "configuration", "name": name, "description": f"what had to be forgotten; sha256 {sha256}"}
                for name, sha256 in sorted(facts.lists.items())
            ],
            "inputs": [{"format": "token ids"}], "outputs": [{"format": "embeddings"}],
        },
        "quantitativeAnalysis": {"performanceMetrics": [_metric(m) for m in facts.measured if m.value is not None]},
        "considerations": {
            "useCases": ["In place of the text encoder of the text-to-image and text-to-video models of its base."],
            "technicalLimitations": list(facts.limits),
        },
        "properties": [
            *_properties({f"threshold:{m.key}": m.threshold for m in facts.measured}),
            *_properties({f"parameter:{name}": value for name, value in facts.parameters.items()}),
            *_properties({f"seed:{name}": value for name, value in facts.seeds.items()}),
        ],
    }  # fmt: skip


def _metric(each: Measured) -> dict[str, Any]:
    """`slice` says of which concept, drawn how: "fire-engine, text-to-image"."""
    metric: dict[str, Any] = {
        "type": each.metric, "value": _text(each.value),
        "slice": ", ".join(filter(None, (each.concept, TASKS[each.modality]))),
    }  # fmt: skip
    if each.low is not None and each.high is not None:
        metric["confidenceInterval"] = {"lowerBound": _text(each.low), "upperBound": _text(each.high)}
    return metric


def _base(facts: Facts) -> dict[str, Any]:
    """The original: its repositories with their revisions, or the digests of its text encoder's files."""
    component: dict[str, Any] = {
        "type": "machine-learning-model", "bom-ref": BASE, "name": facts.base, "version": facts.base_digest,
        "description": "The pipelines whose text encoder was changed; the version is expunge's digest of all that "
        "decides what they draw.",
    }  # fmt: skip
    if facts.original:
        component["components"] = [
            {"type": "file", "name": name, "hashes": _hashes(sha256)} for name, sha256 in facts.original.items()
        ]
    if "t2i" in facts.pins:
        component["purl"] = f"pkg:huggingface/{facts.pins['t2i']}"
    if facts.pins:
        component["properties"] = list(_properties({f"repository:{part}": pin for part, pin in facts.pins.items()}))
    return component


def _judge(facts: Facts) -> dict[str, Any]:
    return {
        "type": "machine-learning-model", "bom-ref": JUDGE, "name": "judge", "version": facts.judge,
        "scope": "excluded",
        "description": "What the measurements were made with; no part of the model.",
    }  # fmt: skip


def _library(name: str, version: str) -> dict[str, Any]:
    url = package_url(name, version)
    return {"type": "library", "bom-ref": f"library:{name}", "name": name, "version": version,
            **({"purl": url} if url else {})}  # fmt: skip


def _hashes(sha256: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": sha256}]


def _properties(values: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    return ({"name": f"expunge:{name}", "value": _text(value)} for name, value in values.items())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else to_json(value, indent=None).strip()


def _result(facts: Facts) -> str:
    return f"Tested against {len(facts.measured)} thresholds: {facts.result}."
