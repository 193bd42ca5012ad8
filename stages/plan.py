"""plan: check the lists, the base and every section of params.yaml, and write down what all other stages will do.

concepts/*.yaml, concepts/private/, bases/, attacks/found.csv, params.yaml ->
    build/plan/index.json       expunge.plan.contract.Plan, without the words of confidential concepts
    build/plan/words.bin        these words, encrypted: expunge.plan.sealed
    build/plan/asked.json       expunge.plan.asked_for.AskedFor: what each verdict will speak of
    build/plan/concepts.json    for `dvc params diff`

No model is loaded. If the input is wrong, the run ends here and shows every problem at once.
"""

from pathlib import Path
from typing import Any

import msgspec

from expunge.attacks.keeping import kept_problems
from expunge.attacks.replayed import read_kept
from expunge.bases.arithmetic import arithmetic_of
from expunge.bases.base_digest import base_parts
from expunge.bases.spec import Spec, load_spec
from expunge.concepts.confidential import veil_of
from expunge.concepts.leaks import params_problems
from expunge.concepts.prompt_file import read_prompts
from expunge.core.digest import Fingerprint, digest
from expunge.core.errors import InputError, Problem, in_order
from expunge.core.files import write_json
from expunge.core.unit_names import Name
from expunge.judging.judge_digest import judge_parts
from expunge.plan.asked_for import AskedFor, asked_for, digest_of_base
from expunge.plan.build import make_plan
from expunge.plan.check_base import base_file_problems
from expunge.plan.contract import Plan, PlannedBase
from expunge.plan.external import with_digests
from expunge.plan.family_limits import method_problems
from expunge.plan.notes import company_notes, held_out_members, labels_of, storage_notes, taken_notes
from expunge.plan.params import read_params
from expunge.plan.release_notes import release_notes
from expunge.plan.release_params import problems_of_releases
from expunge.plan.sealed import closed_plan, with_encoders, write_sealed
from expunge.plan.validate_lists import validate
from stages.runtime.process import main
from stages.runtime.remembered_arithmetic import resolved

OUT, REPLAYED = Path("build/plan"), Path("attacks/found.csv")
PARAMS, CONCEPTS = Path("params.yaml"), Path("concepts")


def run() -> None:
    problems: list[Problem] = []
    try:
        read_kept(REPLAYED)
    except InputError as error:
        problems = error.problems
    params = read_params(PARAMS, problems)
    problems = problems_of_base(params.base)
    try:
        lists, notes = validate(CONCEPTS, params.base, default_method=params.unlearn["method"])
    except InputError as error:
        problems += error.problems
    if problems := [*problems, *problems_of_releases(PARAMS, CONCEPTS)]:
        raise InputError(in_order(problems))
    veil = veil_of(lists)
    if problems := [*kept_problems(REPLAYED, veil), *params_problems(PARAMS, veil.named)]:
        raise InputError(map(veil.masked_problem, problems))
    spec = load_spec(params.base)
    labels = labels_of(spec)
    held_out = held_out_members(lists, labels)
    notes += taken_notes(lists, held_out)
    kinds = {concept.kind for each in lists for concept in each.concepts}
    prompts = read_prompts(spec.prompts, kinds)
    whole = with_digests(make_plan(params, lists, prompts, planned_base(spec), held_out, labels, veil), spec)
    veil = with_encoders(veil, whole)
    if problems := method_problems(whole, spec):
        raise InputError(map(veil.masked_problem, problems))
    if any(counts.get("beside") for counts in params.render.values()):
        notes += company_notes(spec.name, whole.concepts, whole.samples, prompts)
    notes += storage_notes(whole, params.unlearn.get("stored", "whole"))
    plan = closed_plan(whole, veil)
    notes += release_notes(plan)
    print(*map(veil.masked, notes), sep="\n", end="\n" * bool(notes))
    write_sealed(OUT / "index.json", whole, veil)
    write_json(OUT / "concepts.json", by_list(plan))
    asked = asked_for(lists, params.unlearn, params.releases, params.seed, veil)
    write_json(OUT / "asked.json", msgspec.to_builtins(AskedFor(asked, digest_of_base(spec))))


def problems_of_base(name: str) -> list[Problem]:
    """What the files of a base tell without loading a model; `validate` reports mistakes in its YAML file."""
    try:
        return base_file_problems(load_spec(name))
    except InputError:
        return []


def planned_base(spec: Spec) -> PlannedBase:
    spec = resolved(spec)
    arithmetic = arithmetic_of(spec)
    models, judge = Fingerprint.of(base_parts(spec)), Fingerprint.of(judge_parts(spec))
    return PlannedBase(
        spec.name, models, judge, arithmetic.device, arithmetic.dtype, spec.frames, spec.threads
    )  # fmt: skip


def by_list(plan: Plan) -> dict[str, dict[str, Any]]:
    """{list: {concept: entry}}, since dvc compares tables key by key but lists as a whole. Of a confidential entry a
    digest tells that it changed.

    :param plan: without words: people paste the diff into reviews.
    """
    tables: dict[str, dict[str, Any]] = {}
    for name, concept in plan.concepts.items():
        place = Name.parse(name)
        entry = msgspec.to_builtins(concept)
        if concept.confidential:
            entry = {"confidential": True, "digest": digest(entry)}
        tables.setdefault(place.list, {})[place.id] = entry
    return tables


if __name__ == "__main__":
    main(run)
