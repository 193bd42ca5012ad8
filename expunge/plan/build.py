"""Makes the plan from lists, parameters and a base: pure functions over data that was read and checked before."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from expunge.concepts.concept import Concept, ConceptList
from expunge.concepts.confidential import FOR_ALL, OPEN, Veil
from expunge.concepts.prompt_file import Prompts
from expunge.concepts.prompts import (
    Said,
    anchors_of,
    forgotten_words,
    handful,
    keep_prompts,
    kept_prompts,
    lost_words,
    samples_of,
    stays,
    training_templates,
)
from expunge.concepts.samples import PlannedSample
from expunge.core.seeds import derive_seed
from expunge.core.unit_names import GENERAL_SET, RELEASES, Name
from expunge.core.words import Finder
from expunge.methods import METHODS
from expunge.plan.contract import EncoderJob, Picture, Plan, PlannedBase, PlannedList, Training, pictures_unit
from expunge.plan.general import general_samples
from expunge.plan.jobs import jobs_of, pictures_of, require_anchors
from expunge.plan.notes import Labels
from expunge.plan.params import Params
from expunge.plan.release_params import known_concepts
from expunge.plan.releases import Drawn, all_samples, as_release, outside, planned_release, release_jobs


def make_plan(
    params: Params,
    lists: Sequence[ConceptList],
    prompts: Prompts,
    base: PlannedBase,
    held_out: Mapping[str, Sequence[str]] | None = None,
    labels: Labels | None = None,
    veil: Veil = OPEN,
) -> Plan:
    """The plan: everything that the other stages do.

    :param held_out: by category ("list/id"), members that the list does not name; they become probes
        (`vocabulary.unnamed_members`).
    :param labels: what the base's judge may answer, by axis: the general set of a release asks for it.
    :param veil: over the lists: seeds are drawn from what may be published of prompts.
    :raises InputError: a method needs an anchor for a concept that has none.
    """
    concepts = {
        name: replace(concept, probes=(*concept.probes, *(held_out or {}).get(name, ())))
        for each in lists
        for name, concept in ((str(Name(each.id, concept.id)), concept) for concept in each.concepts)
    }
    keep = {each.id: each.keep for each in lists}
    shown = {name: handful(keep[Name.parse(name).list], name, params.seed) for name in concepts}

    def drawn(counts: Mapping[str, Mapping[str, int]], names: Iterable[str]) -> dict[str, Sequence[PlannedSample]]:
        return {
            n: tuple(samples_of(concepts[n], prompts, counts, params.seed, shown[n], _said(veil, n))) for n in names
        }

    usual, planned = drawn(params.render, concepts), {each.id: _list(each, prompts) for each in lists}
    released, own = (
        release_jobs(params.releases, params.unlearn, known_concepts(lists)),
        dict[str, dict[str, Sequence[PlannedSample]]](),
    )
    for name, job in released.items():
        release = params.releases[Name.parse(name).id]
        own[name] = dict(usual) if release.render is None else drawn(release.render, job.concepts)
        own[name][GENERAL_SET] = general_samples(prompts, labels or {}, release.general, params.seed, _said(veil))
    samples = all_samples(usual, list(own.values()))
    encoders = {
        name: _filled(name, job, concepts, prompts, samples, usual, params.seed)
        for each in lists
        for name, job in jobs_of(each, params.unlearn).items()
    }
    for name, job in released.items():
        filled = _filled(name, job, concepts, prompts, samples, own[name], params.seed)
        members = [concepts[concept] for concept in job.concepts]
        general = own[name][GENERAL_SET], samples.get(GENERAL_SET, ())
        encoders[name] = as_release(filled, members, planned, general, labels or {})
    require_anchors(encoders, concepts, prompts)
    return Plan(
        base=base,
        lists=planned,
        concepts={name: _without_place(concept) for name, concept in concepts.items()},
        encoders=encoders,
        fewshot=_pictures(encoders, concepts, prompts, params, veil),
        training={
            name: Training(forgotten_words(c), training_templates(c, prompts), anchors_of(c, prompts))
            for name, c in concepts.items()
        },
        samples=samples,
        keep={name: words for name, words in shown.items() if words},
        releases={
            name: planned_release(
                name, release, encoders[str(Name(RELEASES, name))], planned, concepts, prompts, params.seed
            )
            for name, release in params.releases.items()
        },
    )


def _filled(
    name: str,
    job: EncoderJob,
    concepts: Mapping[str, Concept],
    prompts: Prompts,
    samples: Drawn,
    own: Drawn,
    seed: int,
) -> EncoderJob:
    """The job with its seed, the prompts that it keeps and the samples that it leaves out.

    A joint encoder leaves out samples that ask for another of its own targets: these are neither kept nor a failure.

    :param own: those of the samples that lie within its budget.
    """
    members = [concepts[concept] for concept in job.concepts]
    lost = Finder(word for concept in members for word in lost_words(concept))
    left_out = {
        concept: tuple(place for place, sample in enumerate(samples[concept]) if not stays(sample, lost))
        for concept in job.concepts
    }
    return replace(
        job,
        seed=derive_seed(seed, "unlearn", name),
        kept=tuple(kept_prompts(members, prompts)),
        left_out=left_out,
        over_budget={c: places for c in job.concepts if (places := outside(samples[c], own[c]))},
    )


def _pictures(
    encoders: Mapping[str, EncoderJob], concepts: Mapping[str, Concept], prompts: Prompts, params: Params, veil: Veil
) -> dict[str, tuple[Picture, ...]]:
    """The images that some encoder's method trains on, by unit of the stage fewshot."""
    needed = {(METHODS[job.method].images, concept) for job in encoders.values() for concept in job.concepts}
    return {
        pictures_unit(name, shown): tuple(
            pictures_of(concepts[name], shown, prompts, params.fewshot, params.seed, _said(veil, name))
        )
        for shown, name in sorted(needed)
        if shown
    }


def _said(veil: Veil, concept: str = "") -> Said:
    """What of a prompt of a concept its seed is drawn from."""
    about = (concept,) if concept in veil.secrets else ()

    def said(prompt: str, group: str) -> str:
        return veil.hide(prompt) if group in FOR_ALL else veil.hide(prompt, about, strict=bool(about))

    return said


def _list(each: ConceptList, prompts: Prompts) -> PlannedList:
    ids, kept = tuple(concept.id for concept in each.concepts), tuple(keep_prompts(each.keep, each.concepts, prompts))
    return PlannedList(each.title, each.owner, ids, tuple(each.members()), each.gate, each.keep, kept)


def _without_place(concept: Concept) -> Concept:
    """The concept without its line in the file, so that a comment above it changes nothing."""
    return replace(concept, where="")
