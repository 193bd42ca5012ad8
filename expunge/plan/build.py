"""Makes the plan from lists, parameters and a base: pure functions over data that was read and checked before."""

from collections.abc import Mapping, Sequence

from expunge.concepts.concept import Concept, ConceptList
from expunge.concepts.prompt_file import Prompts
from expunge.concepts.prompts import anchors_of, forgotten_words, kept_prompts, samples_of, stays, training_templates
from expunge.concepts.samples import PlannedSample
from expunge.core.seeds import derive_seed
from expunge.core.unit_names import Name
from expunge.methods import METHODS
from expunge.plan.contract import EncoderJob, Picture, Plan, PlannedBase, PlannedList, Training, pictures_unit
from expunge.plan.jobs import jobs_of, pictures_of, require_anchors
from expunge.plan.params import Params


def make_plan(params: Params, lists: Sequence[ConceptList], prompts: Prompts, base: PlannedBase) -> Plan:
    """The plan: everything that the other stages do.

    :raises InputError: a method needs an anchor for a concept that has none.
    """
    concepts = {str(Name(each.id, concept.id)): concept for each in lists for concept in each.concepts}
    samples = {name: tuple(samples_of(c, prompts, params.render, params.seed)) for name, c in concepts.items()}
    encoders = {
        name: _filled(name, job, concepts, prompts, samples, params.seed)
        for each in lists
        for name, job in jobs_of(each, params.unlearn).items()
    }
    require_anchors(encoders, concepts, prompts)
    return Plan(
        base=base,
        lists={each.id: _list(each) for each in lists},
        concepts={name: _without_place(concept) for name, concept in concepts.items()},
        encoders=encoders,
        fewshot=_pictures(encoders, concepts, prompts, params),
        training={
            name: Training(forgotten_words(c), training_templates(c, prompts), anchors_of(c, prompts))
            for name, c in concepts.items()
        },
        samples=samples,
    )


def _filled(
    name: str,
    job: EncoderJob,
    concepts: Mapping[str, Concept],
    prompts: Prompts,
    samples: Mapping[str, Sequence[PlannedSample]],
    seed: int,
) -> EncoderJob:
    """The job with its seed, the prompts that it keeps and the samples that it leaves out.

    A joint encoder leaves out samples that ask for another of its own targets: these are neither kept nor a failure.
    """
    members = [concepts[concept] for concept in job.concepts]
    left_out = {
        concept: tuple(place for place, sample in enumerate(samples[concept]) if not stays(sample, members))
        for concept in job.concepts
    }
    return EncoderJob(
        job.concepts,
        job.method,
        job.parameters,
        derive_seed(seed, "unlearn", name),
        tuple(kept_prompts(members, prompts)),
        left_out,
    )


def _pictures(
    encoders: Mapping[str, EncoderJob], concepts: Mapping[str, Concept], prompts: Prompts, params: Params
) -> dict[str, tuple[Picture, ...]]:
    """The images that some encoder's method trains on, by unit of the stage fewshot."""
    needed = {(METHODS[job.method].images, concept) for job in encoders.values() for concept in job.concepts}
    return {
        pictures_unit(name, shown): tuple(pictures_of(concepts[name], shown, prompts, params.fewshot, params.seed))
        for shown, name in sorted(needed)
        if shown
    }


def _list(each: ConceptList) -> PlannedList:
    ids = tuple(concept.id for concept in each.concepts)
    return PlannedList(each.title, each.owner, ids, tuple(each.members()), each.gate)


def _without_place(concept: Concept) -> Concept:
    """The concept without its line in the file, so that a comment above it changes nothing."""
    from dataclasses import replace

    return replace(concept, where="")
