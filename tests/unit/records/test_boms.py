"""Bills of materials: that they fit their schemas, and say what the record says."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from expunge.records import bom_cyclonedx, bom_spdx
from expunge.records.bom_cyclonedx import cyclonedx
from expunge.records.bom_spdx import UNKNOWN, spdx
from expunge.records.facts import facts_of
from tests.support.made_record import BASE, FOLDER, SECRET, WEIGHTS, made_record

FILES = {"encoder/model.safetensors": WEIGHTS, "encoder/config.json": "c" * 64}
TIME, RECORD = "2026-11-26T09:59:47Z", "e" * 64


def in_cyclonedx(**told: Any) -> Any:
    return json.loads(cyclonedx(facts_of(made_record(**told)), FILES, RECORD))


def in_spdx(created: str = TIME, **told: Any) -> dict[str, list[Any]]:
    """Elements by type."""
    found: dict[str, list[Any]] = {}
    for each in json.loads(spdx(facts_of(made_record(**told)), FILES, RECORD, created))["@graph"]:
        found.setdefault(each["type"], []).append(each)
    return found


def test_cyclonedx_says_what_the_record_says() -> None:
    told = in_cyclonedx()
    model = told["metadata"]["component"]
    assert told["specVersion"] == "1.6" and model["type"] == "machine-learning-model"
    assert model["hashes"] == [{"alg": "SHA-256", "content": WEIGHTS}] and model["version"] == FOLDER
    assert {each["name"]: each["hashes"][0]["content"] for each in model["components"]} == FILES
    metrics = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert {(m["slice"], m["type"]): m["value"] for m in metrics} == {
        ("one, text-to-image", "target"): "0.0", ("one, text-to-video", "asr:words"): "0.125",
        ("s, text-to-image", "near"): "0.75", ("text-to-image", "general"): "0.9",
    }  # fmt: skip
    assert metrics[0]["confidenceInterval"] == {"lowerBound": "0.0", "upperBound": "0.324"}
    properties = {each["name"]: each["value"] for each in model["modelCard"]["properties"]}
    assert properties["expunge:threshold:s image near"] == ">= 0.85 of before"
    assert properties["expunge:threshold:one image far"] == "<= 0.05"  # what was not measured had a threshold
    assert properties["expunge:parameter:keep"] == "250.0"
    limits = model["modelCard"]["considerations"]["technicalLimitations"]
    assert limits == ["The denoiser is as it was.", "No other prompts were tried."]
    assert [each["hashes"][0]["content"] for each in model["externalReferences"] if "hashes" in each] == [RECORD]


def test_cyclonedx_names_the_original_and_the_libraries() -> None:
    told = in_cyclonedx()
    ancestor = told["metadata"]["component"]["pedigree"]["ancestors"][0]
    assert ancestor["purl"] == "pkg:huggingface/some/model@0123" and ancestor["version"] == BASE
    assert {"name": "expunge:repository:t2v.motion_adapter", "value": "some/motion@4567"} in ancestor["properties"]
    assert {each["name"]: each.get("purl") for each in told["components"] if each["type"] == "library"} == {
        "torch": "pkg:pypi/torch@2.15.0", "expunge": None,
    }  # fmt: skip
    local = made_record()["predicate"]["base"]
    local["parts"]["files"] = {"t2i/text_encoder/model.safetensors": "9" * 64}
    ancestor = in_cyclonedx(base=local)["metadata"]["component"]["pedigree"]["ancestors"][0]
    assert ancestor["components"][0]["hashes"][0]["content"] == "9" * 64 and "purl" not in ancestor


def test_spdx_says_what_the_record_says() -> None:
    told = in_spdx()
    (model,) = told["ai_AIPackage"]
    metrics = {each["key"]: each["value"] for each in model["ai_metric"]}
    assert metrics == {"one image target": "0.0", "one video asr:words": "0.125", "s image near": "0.75",
                       "image general": "0.9"}  # fmt: skip
    thresholds = {each["key"]: each["value"] for each in model["ai_metricDecisionThreshold"]}
    assert thresholds["s image near"] == ">= 0.85 of before" and thresholds["one image far"] == "<= 0.05"
    assert {each["key"]: each["value"] for each in model["ai_hyperparameter"]} == {"keep": "250.0", "others": "512"}
    assert model["verifiedUsing"][0]["hashValue"] == WEIGHTS and model["releaseTime"] == TIME
    assert "No other prompts were tried." in model["ai_limitation"]
    assert {each["name"] for each in told["software_File"]} == {*FILES, "record.json"}
    related = {(each["relationshipType"], len(each["to"])) for each in told["Relationship"]}
    assert {("contains", 2), ("descendantOf", 1), ("hasEvidence", 1), ("dependsOn", 2)} <= related
    base = next(each for each in told["software_Package"] if each["name"] == "tiny")
    assert base["externalIdentifier"][0]["identifier"] == "pkg:huggingface/some/model@0123"


def test_a_time_that_nobody_knows_is_said() -> None:
    (info,) = in_spdx(UNKNOWN)["CreationInfo"]
    assert info["created"] == UNKNOWN and "No time is known" in info["comment"]
    with pytest.raises(ValueError, match="bill of materials of releases/small"):
        in_spdx("yesterday")


@pytest.mark.parametrize("made", [
    lambda: cyclonedx(facts_of(made_record()), FILES, RECORD),
    lambda: spdx(facts_of(made_record()), FILES, RECORD, TIME),
], ids=["cyclonedx", "spdx"])  # fmt: skip
def test_the_same_record_gives_the_same_bytes_without_words(made: Callable[[], str]) -> None:
    text = made()
    assert text == made()
    assert SECRET not in text and "fire engine" not in text and "Quill" not in text


def test_without_gates_or_libraries() -> None:
    origin = made_record()["predicate"]["origin"] | {"versions": {}}
    assert in_cyclonedx(evaluations=[], origin=origin) and in_spdx(evaluations=[], origin=origin)


def test_what_fits_no_schema_is_told() -> None:
    text = cyclonedx(facts_of(made_record()), FILES, RECORD)
    assert bom_cyclonedx.problem_of(text) is None
    for old, new in ((WEIGHTS, "not hex"), ('"machine-learning-model"', '"model"'), ('"slice"', '"piece"')):
        assert bom_cyclonedx.problem_of(text.replace(old, new))
    text = spdx(facts_of(made_record()), FILES, RECORD, TIME)
    assert bom_spdx.problem_of(text) is None
    for old, new in (
        ('"sha256"', '"sha"'), (TIME, "yesterday"), ('"hasEvidence"', '"hasNothing"'), ('"from"', '"of"'),
        ('"algorithm": "sha256",', ""), (":file/record.json", ":file/other.json", ),
    ):  # fmt: skip
        assert bom_spdx.problem_of(text.replace(old, new, 1)), old
