"""unlearn: train an encoder that no longer knows its concepts, by the method that the plan names.

build/plan, build/fewshot -> build/encoders/<list>/<encoder>/  config.json, model.safetensors, training.json and, where
guidance keeps the original's empty prompt, unconditional.safetensors {"embedding": (1, L, D) float32}
"""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from expunge.methods import METHODS, ConceptData
from expunge.prompts import derive_seed, forgotten_words, kept_prompts, training_templates
from stages.plan import concept_of
from stages.process import main
from stages.reuse import Unit, code, loaded_base, read_index, read_params, run_units, unit_key
from stages.sources import CODE

OUT = Path("build/encoders")
PRIVATE = ("request", "confidential")  # who asked, and whether it may be named, changes no encoder


def run() -> None:
    plan, fewshot = read_index("build/plan"), read_index("build/fewshot")
    units = units_of(plan, fewshot, read_params()["seed"])
    run_units("unlearn", OUT, units, lambda name, unit, folder: train(plan, name, unit, folder))


def units_of(plan: Mapping[str, Any], fewshot: Mapping[str, Any], seed: int) -> dict[str, Unit]:
    """A unit for each encoder. Of the methods' code only the file of the encoder's own method counts."""
    units = {}
    for name, encoder in plan["encoders"].items():
        method = METHODS[encoder["method"]]
        files = [file for file in CODE["unlearn"] if file != "expunge/methods"]
        source = code(*files, f"{method.module.replace('.', '/')}.py")
        concepts = [plan["concepts"][concept] for concept in encoder["concepts"]]
        members = [concept_of(concept) for concept in concepts]
        entry = {
            "concepts": [{key: value for key, value in concept.items() if key not in PRIVATE} for concept in concepts],
            "templates": [training_templates(concept, plan["templates"]) for concept in members],
            "kept": kept_prompts(members, plan["templates"]),
        }
        upstream = {concept: fewshot["units"][concept]["key"] for concept in encoder["concepts"] if method.needs_images}
        facts = {
            "concepts": encoder["concepts"],
            "method": encoder["method"],
            "parameters": encoder["parameters"],
            "seed": derive_seed(seed, "unlearn", name),
            "upstream": upstream,
        }
        params = {key: facts[key] for key in ("method", "parameters", "seed")}
        key = unit_key("unlearn", source, plan["base"]["digest"], entry, params, list(upstream.values()))
        units[name] = Unit(key, f"{name} ({encoder['method']})", facts)
    return units


def train(plan: Mapping[str, Any], name: str, unit: Unit, folder: Path) -> dict[str, Any]:
    import torch
    from safetensors.torch import load_file

    from expunge.base import store_encoder

    base, facts = loaded_base(plan["base"]["name"]), unit.facts
    members, data = [], []
    for concept_name in facts["concepts"]:
        concept = replace(concept_of(plan["concepts"][concept_name]), request=None, confidential=False)
        latents = torch.zeros(0)
        if METHODS[facts["method"]].needs_images:
            latents = load_file(Path("build/fewshot") / concept_name / "latents.safetensors")["latents"]
        templates = training_templates(concept, plan["templates"])
        members.append(concept)
        data.append(ConceptData(concept, latents, forgotten_words(concept), templates))
    kept = kept_prompts(members, plan["templates"])
    start = time.perf_counter()
    result = METHODS[facts["method"]].run(base, data, kept, facts["parameters"], facts["seed"], lambda step, loss: None)
    training = {
        "seconds": round(time.perf_counter() - start, 1),
        "changed_parameters": result.changed_parameters,
        **{key: facts[key] for key in ("method", "parameters", "seed")},
    }
    store_encoder(base, folder, result.encoder, result.unconditional)
    (folder / "training.json").write_text(json.dumps({"loss": result.losses, **training}, indent=1) + "\n", "utf-8")
    return {"seconds": training["seconds"], "changed_parameters": result.changed_parameters}


if __name__ == "__main__":
    main(run)
