"""unlearn: train an encoder that no longer knows its concepts, by the method that the plan names.

build/plan, build/fewshot -> build/encoders/<list>/<encoder>/  config.json, model.safetensors, training.json and what
else the method changes: unconditional.safetensors, denoiser.safetensors, adapter.safetensors (bases/edits.py);
build/curves/<list>--<encoder>.tsv, the loss of each step, for `dvc plots`
"""

import json
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from expunge.bases.spec import load_spec
from expunge.methods import METHODS, ConceptData, unlearn
from stages.runtime.curves import collect_curves, curve_in
from stages.runtime.files import concept_of, images_of, public
from stages.runtime.models import loaded_base
from stages.runtime.process import main
from stages.runtime.reuse import Unit, code, read_index, run_units, unit_key
from stages.runtime.sources import CODE

OUT = Path("build/encoders")
SHARED = [f"expunge/methods/{name}.py" for name in ("__init__", "training", "lessons", "low_rank")]
METHOD = ("method", "parameters", "seed")


def run() -> None:
    plan, fewshot = read_index("build/plan"), read_index("build/fewshot")
    spec = load_spec(plan["base"]["name"])
    run_units("unlearn", OUT, units_of(plan, fewshot), partial(train, plan), spec)
    collect_curves(OUT, plan["encoders"])


def units_of(plan: Mapping[str, Any], fewshot: Mapping[str, Any]) -> dict[str, Unit]:
    """A unit for each encoder. Of the methods' code only what they share and the encoder's own method counts."""
    shared = [file for file in CODE["unlearn"] if file != "expunge/methods"] + SHARED
    units = {}
    sources = {name: code(*shared, f"{method.module.replace('.', '/')}.py") for name, method in METHODS.items()}
    for name, encoder in plan["encoders"].items():
        shown = METHODS[encoder["method"]].images
        images = [images_of(concept, shown) for concept in encoder["concepts"] if shown]
        upstream = {name: fewshot["units"][name]["key"] for name in images}
        entry = {
            "kept": encoder["kept"],
            "concepts": [public(plan["concepts"][concept]) for concept in encoder["concepts"]],
            "training": [plan["training"][concept] for concept in encoder["concepts"]],
        }
        how = {key: encoder[key] for key in METHOD}
        source = sources[encoder["method"]]
        key = unit_key("unlearn", source, plan["base"]["digest"], entry, how, list(upstream.values()))
        facts = {"concepts": encoder["concepts"], "upstream": upstream, **how}
        units[name] = Unit(key, f"{name} ({encoder['method']})", facts)
    return units


def train(plan: Mapping[str, Any], name: str, unit: Unit, folder: Path) -> dict[str, Any]:
    """Run the method; returns {"seconds", "changed_parameters"} for the index."""
    import torch
    from safetensors.torch import load_file
    from tqdm import tqdm

    from expunge.bases.base import store_edit

    base, how = loaded_base(plan["base"]["name"]), {key: unit.facts[key] for key in METHOD}
    data, shown = [], METHODS[how["method"]].images
    for concept in unit.facts["concepts"]:
        latents, prompts, images = torch.zeros(0), tuple[str, ...](), images_of(concept, shown)
        if shown:
            latents = load_file(Path("build/fewshot") / images / "latents.safetensors")["latents"]
            prompts = tuple(json.loads((Path("build/fewshot") / images / "prompts.json").read_text("utf-8")))
        words = plan["training"][concept]
        names, templates, anchors = (tuple(words[key]) for key in ("names", "templates", "anchors"))
        data.append(ConceptData(concept_of(plan["concepts"][concept]), latents, names, templates, prompts, anchors))
    start = time.perf_counter()
    with (
        tqdm(desc=name, unit="step", total=how["parameters"].get("steps"), delay=2, leave=False) as bar,
        curve_in(folder / "live") as live,
    ):

        def log(step: int, loss: float) -> None:
            if live is not None:
                live.step = step
                live.log_metric("loss", loss)
            bar.update()

        kept = plan["encoders"][name]["kept"]
        result = unlearn(how["method"], base, data, kept, how["parameters"], how["seed"], log)
    costs = {"seconds": round(time.perf_counter() - start, 1), "changed_parameters": result.changed_parameters}
    store_edit(base, folder, result.edit)
    training = json.dumps({"loss": result.losses, "found": result.notes, **costs, **how}, indent=1)
    (folder / "training.json").write_text(training + "\n", "utf-8")
    return costs


if __name__ == "__main__":
    main(run)
