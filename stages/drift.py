"""drift: how far each unlearned encoder's embeddings have moved, with no generation.

build/plan, build/encoders -> build/drift/<list>/<encoder>/drift.json; the numbers: expunge.judging.drift.measure_drift
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import Any

from expunge.bases.spec import Spec, load_spec
from expunge.concepts.prompt_file import read_prompts
from expunge.judging.drift_texts import Texts, texts_of
from expunge.judging.vocabulary import Label, read_vocabulary
from stages.runtime.models import loaded_base
from stages.runtime.process import main
from stages.runtime.reuse import Unit, code, read_index, run_units, unit_key, write_json
from stages.runtime.sources import CODE

OUT, ENCODERS = Path("build/drift"), Path("build/encoders")


def run() -> None:
    plan, encoders = read_index("build/plan"), read_index(ENCODERS)["units"]
    spec = load_spec(plan["base"]["name"])
    texts = texts_by_encoder(plan, spec)
    version, units = code(*CODE["drift"]), dict[str, Unit]()
    for name in plan["encoders"]:
        upstream = [encoders[name]["key"]]
        key = unit_key("drift", version, plan["base"]["digest"], asdict(texts[name]), upstream=upstream)
        units[name] = Unit(key, name, {"upstream": upstream})
    run_units("drift", OUT, units, partial(measure, spec.name, texts), spec)


def measure(base_name: str, texts: Mapping[str, Texts], name: str, _: Unit, folder: Path) -> None:
    from expunge.bases.base import load_edit
    from expunge.judging.drift import measure_drift

    base = loaded_base(base_name)
    edit = load_edit(base, ENCODERS / name)
    write_json(folder / "drift.json", measure_drift(base, edit, texts[name], known()))


@cache
def known() -> dict[str, Any]:
    """What the original encoder makes of the texts, encoded once in a process: most of them are every encoder's."""
    return {}


def texts_by_encoder(plan: Mapping[str, Any], spec: Spec) -> dict[str, Texts]:
    """What is encoded for each encoder; the words come from the judge's vocabulary."""
    prompts = read_prompts(spec.prompts, {concept["kind"] for concept in plan["concepts"].values()})
    labels: Mapping[str, Sequence[Label]] = {}
    if spec.judge.vocabulary is not None:
        labels = read_vocabulary(spec.judge.vocabulary)[1]
    return {
        name: texts_of(how["concepts"], plan["concepts"], plan["training"], prompts, labels)
        for name, how in plan["encoders"].items()
    }


if __name__ == "__main__":
    main(run)
