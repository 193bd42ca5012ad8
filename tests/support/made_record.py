"""A record as the stage attest writes them, made up: a release of two concepts, one of them confidential."""

from typing import Any

from expunge.records.files import record_validator

WEIGHTS, FOLDER, BASE = "7" * 64, "f" * 64, "b" * 64
SECRET = "Quill Lamp"
FILES = {"adapter.safetensors": "a" * 64, "config.json": "c" * 64, "model.safetensors": WEIGHTS}


def gate(metric: str, **more: Any) -> dict[str, Any]:
    usual = {
        "concept": "one", "modality": "image", "metric": metric, "comparator": "<=", "threshold": 0.05,
        "ofBefore": False, "value": 0.0, "interval": [0.0, 0.324], "n": 8, "before": 1.0, "passed": True, "sure": False,
        "empty": False, "required": True,
    }  # fmt: skip
    return {**usual, **more}


def made_record(encoder: str = "releases/small", **told: Any) -> dict[str, Any]:
    """A record that its schema accepts. :param told: parts of its predicate."""
    folder = f"build/encoders/{encoder}"
    subjects = [{"name": f"{folder}/{name}", "digest": {"sha256": sha256}} for name, sha256 in FILES.items()]
    predicate = {
        "encoder": encoder, "result": "PASSED",
        "configuration": [{"name": "concepts/list.yaml", "digest": {"sha256": "1" * 64}}],
        "passedTests": [], "warnedTests": [], "failedTests": [],
        "verdict": {"verdict": "pass", "required": True, "gates": "", "about": "", "base": ""},
        "evaluations": [
            gate("target"), gate("asr:words", modality="video", value=0.125),
            gate("near", concept="s", comparator=">=", threshold=0.85, ofBefore=True, value=0.75),
            gate("far", value=None, interval=[None, None], n=0, before=None, passed=None),
            gate("general", concept="", comparator=">=", threshold=0.95, ofBefore=True, value=0.9),
        ],
        "concepts": [
            {"concept": "list/one", "entry": {"name": "a fire engine"}, "request": {"basis": f"of {SECRET}"}},
            {"concept": "list/s", "confidential": "5" * 64, "request": None},
        ],
        "lists": {"list": {"title": "", "owner": "the team", "sha256": "1" * 64, "schema": "2" * 64}},
        "base": {
            "name": "tiny", "digest": BASE, "device": "cpu", "dtype": "float32", "tensors": None, "stored": ["F16"],
            "parts": {
                "t2i.pipeline": "StableDiffusionPipeline",
                "files": {"t2i": "some/model@0123", "t2v.motion_adapter": "some/motion@4567"},
            },
        },
        "judge": {"digest": "d" * 64}, "method": "solve", "parameters": {"keep": 250.0, "others": 512},
        "seeds": {"run": 0, "unlearn": 7}, "images": {}, "changes": {"encoder": {}}, "attacks": {}, "attacked": [],
        "units": {}, "notCovered": ["The denoiser is as it was.", "No other prompts were tried."],
        "origin": {
            "git": {"commit": "0" * 40, "dirty": False}, "dvcLock": None,
            "versions": {"python": "3.11.7", "expunge": "0.1.0", "torch": "2.15.0", "numpy": None},
            "hardware": {"machine": "", "processor": "", "cores": 2},
        },
        **told,
    }  # fmt: skip
    record = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [*subjects, {"name": folder, "digest": {"sha256": FOLDER}}],
        "predicateType": "urn:expunge:unlearning-record:v1", "predicate": predicate,
    }  # fmt: skip
    assert not list(record_validator().iter_errors(record)), next(record_validator().iter_errors(record))
    return record
