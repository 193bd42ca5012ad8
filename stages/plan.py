"""plan: check the lists and the base, and write down everything that the other stages do.

concepts/*.yaml, bases/, params.yaml -> build/plan/index.json and, for `dvc params diff`, build/plan/concepts.json
No model is loaded. Wrong input ends here, with every problem at once.
"""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from expunge.bases.digests import base_digest
from expunge.bases.spec import load_spec
from expunge.concepts.lists import Concept, ConceptList
from expunge.concepts.prompts import (
    anchors_of,
    derive_seed,
    forgotten_words,
    kept_prompts,
    read_prompts,
    rows_of,
    stays,
    training_templates,
)
from expunge.judging.digests import judge_digest
from expunge.methods import METHODS
from expunge.plan.jobs import drawn, encoders_of, require_anchors
from expunge.plan.validate import validate
from stages.runtime.files import images_of
from stages.runtime.params import check
from stages.runtime.process import main
from stages.runtime.reuse import read_params, write_json

OUT = Path("build/plan")
Table = dict[str, Any]


def run() -> None:
    params = read_params()
    check(params)
    unlearn, seed = params["unlearn"], params["seed"]
    lists, notes = validate(Path("concepts"), params["base"], default_method=unlearn["method"])
    print(*notes, sep="\n", end="\n" * bool(notes))
    spec = load_spec(params["base"])
    concepts = {f"{each.id}/{concept.id}": concept for each in lists for concept in each.concepts}
    prompts = read_prompts(spec.prompts, {concept.kind for concept in concepts.values()})
    rows = {name: rows_of(concept, prompts, params["render"], seed) for name, concept in concepts.items()}
    encoders: dict[str, Table] = {}
    for each in lists:
        for name, how in encoders_of(each, unlearn).items():
            members = [concepts[concept] for concept in how["concepts"]]
            gone = {c: [i for i, row in enumerate(rows[c]) if not stays(row, members)] for c in how["concepts"]}
            kept = kept_prompts(members, prompts)
            encoders[name] = {**how, "seed": derive_seed(seed, "unlearn", name), "kept": kept, "left_out": gone}
    require_anchors(encoders, concepts, prompts)
    needed = {(METHODS[how["method"]].images, c) for how in encoders.values() for c in how["concepts"]}
    entries = {name: entry(concept) for name, concept in concepts.items()}
    index = {
        "base": {"name": spec.name, "digest": base_digest(spec), "judge": judge_digest(spec)},
        "lists": {each.id: about(each, list(encoders)) for each in lists},
        "concepts": entries,
        "encoders": encoders,
        "fewshot": {
            images_of(name, shown): drawn(concepts[name], shown, prompts, params["fewshot"], seed)
            for shown, name in sorted(needed)
            if shown
        },
        "training": {
            name: {
                "names": forgotten_words(concept),
                "templates": training_templates(concept, prompts),
                "anchors": anchors_of(concept, prompts),
            }
            for name, concept in concepts.items()
        },
        "prompts": rows,
    }
    write_json(OUT / "index.json", index)
    write_json(OUT / "concepts.json", nested(entries))


def about(each: ConceptList, encoders: list[str]) -> Table:
    own = [name.partition("/")[2] for name in encoders if name.startswith(f"{each.id}/")]
    ids = [concept.id for concept in each.concepts]
    return {"title": each.title, "owner": each.owner, "concepts": ids, "encoders": own, "gate": each.gate}


def entry(concept: Concept) -> Table:
    """The concept as plain data. Where it stands in its file is left out: a comment above it changes nothing."""
    data = asdict(replace(concept, where=""))
    del data["where"]
    return data


def nested(entries: dict[str, Table]) -> dict[str, Table]:
    """{list: {concept: entry}}: dvc compares tables key by key, but lists as a whole. What is confidential stays out of
    a diff that people paste into reviews."""
    found: dict[str, Table] = {}
    for name, data in entries.items():
        group, _, concept = name.partition("/")
        found.setdefault(group, {})[concept] = {"confidential": True} if data["confidential"] else data
    return found


if __name__ == "__main__":
    main(run)
