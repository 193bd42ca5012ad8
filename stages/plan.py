"""plan: check the lists and the base, and write down everything that the other stages do.

concepts/*.yaml, bases/, params.yaml -> build/plan/index.json and, for `dvc params diff`, build/plan/concepts.json
No model is loaded. Wrong input ends here, with every problem at once.
"""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from expunge.errors import InputError, Problem
from expunge.lists import Concept, ConceptList, load_lists
from expunge.methods import METHODS, check_parameters
from expunge.prompts import GROUPS, MODALITIES, read_prompts, rows_of
from expunge.spec import base_digest, judge_digest, light_tokenizer, load_spec
from stages.process import main
from stages.reuse import read_params, write_json

OUT = Path("build/plan")


def run() -> None:
    params = read_params()
    check(params)
    spec = load_spec(params["base"])
    prompts = read_prompts(spec.prompts)
    templates = {kind: [*prompts["fewshot"][kind], *prompts["eval"].get(kind, ())] for kind in prompts["fewshot"]}
    tokenizer, most = light_tokenizer(spec) or (None, None)
    unlearn = params["unlearn"]
    lists = load_lists(
        Path("concepts"), tokenizer, most, templates, list(METHODS), check_parameters, unlearn["method"]
    )
    concepts = {f"{each.id}/{concept.id}": concept for each in lists for concept in each.concepts}
    read_prompts(spec.prompts, {concept.kind for concept in concepts.values()})
    entries = {name: entry(concept) for name, concept in concepts.items()}
    counts = params["render"]
    index = {
        "base": {"name": spec.name, "digest": base_digest(spec), "judge": judge_digest(spec)},
        "lists": {
            each.id: {
                "title": each.title,
                "owner": each.owner,
                "concepts": [concept.id for concept in each.concepts],
                "encoders": [name.partition("/")[2] for name in encoders_of(each, unlearn)],
            }
            for each in lists
        },
        "concepts": entries,
        "encoders": {name: how for each in lists for name, how in encoders_of(each, unlearn).items()},
        "prompts": {name: rows_of(concept, prompts, counts, params["seed"]) for name, concept in concepts.items()},
        "templates": prompts,
    }
    write_json(OUT / "index.json", index)
    write_json(OUT / "concepts.json", nested(entries))


def entry(concept: Concept) -> dict[str, Any]:
    """The concept as plain data. Where it stands in its file is left out: a comment above it changes nothing."""
    data = asdict(replace(concept, where=""))
    del data["where"]
    return data


def encoders_of(each: ConceptList, unlearn: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """{"list/encoder": {"concepts", "method", "parameters"}}; a joint encoder takes what all of its concepts agree on."""
    known = {concept.id: concept for concept in each.concepts}
    groups = {concept.id: (concept.id,) for concept in each.concepts} if each.encoders.single else {}
    found = {}
    for name, members in {**groups, **each.encoders.joint}.items():
        own = {known[member].method or unlearn["method"] for member in members}
        method = own.pop() if len(own) == 1 else unlearn["method"]
        first, *others = (known[member].parameters for member in members)
        agreed = {k: v for k, v in first.items() if all(k in other and other[k] == v for other in others)}
        agreed = {key: value for key, value in agreed.items() if key in METHODS[method].parameters}
        parameters = {**METHODS[method].defaults, **(unlearn.get(method) or {}), **agreed}
        concepts = [f"{each.id}/{member}" for member in members]
        found[f"{each.id}/{name}"] = {"concepts": concepts, "method": method, "parameters": parameters}
    return found


def nested(entries: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """{list: {concept: entry}}: dvc compares tables key by key, but lists as a whole. Names marked confidential stay
    out of what people paste into reviews."""
    found: dict[str, dict[str, Any]] = {}
    for name, data in entries.items():
        group, _, concept = name.partition("/")
        found.setdefault(group, {})[concept] = {"confidential": True} if data["confidential"] else data
    return found


def check(params: Any) -> None:
    """What this stage reads of params.yaml. :raises InputError: every problem at once."""
    problems = []

    def need(good: bool, where: str, mend: str) -> None:
        if not good:
            problems.append(Problem(f"params.yaml: {where}", "is missing or not what it should be", mend))

    params = params if isinstance(params, dict) else {}
    need(isinstance(params.get("base"), str), "base", "write the name of a file in bases/, such as emoji")
    need(isinstance(params.get("seed"), int), "seed", "write a whole number")
    render, unlearn = params.get("render"), params.get("unlearn")
    for key in MODALITIES:
        counts = render.get(key) if isinstance(render, dict) else None
        good = isinstance(counts, dict) and not counts.keys() - set(GROUPS)
        good = good and all(isinstance(n, int) and 0 <= n <= 10_000 for n in counts.values())  # type: ignore[union-attr]
        need(good, f"render.{key}", f"write a number of samples for each of {', '.join(GROUPS)}")
    method = unlearn.get("method") if isinstance(unlearn, dict) else None
    need(method in METHODS, "unlearn.method", f"write one of {', '.join(METHODS)}")
    for name, values in (unlearn if isinstance(unlearn, dict) else {}).items():
        for wrong in [] if name == "method" else check_parameters(name, values or {}):
            what, _, mend = wrong.partition("; ")
            problems.append(Problem(f"params.yaml: unlearn.{name}", what, mend))
    if problems:
        raise InputError(problems)


if __name__ == "__main__":
    main(run)
