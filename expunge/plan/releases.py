"""What a release asks for: one encoder, "releases/<name>", that forgets the concepts of several lists jointly.

What one of its concepts keeps and another forgets is not asked for: `not_asked` names it, and notes and report say so.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from expunge.concepts.concept import Concept
from expunge.concepts.prompt_file import Prompts
from expunge.concepts.prompts import kept_senses, lost_words, near_words, touches
from expunge.concepts.samples import MODALITIES, PlannedSample
from expunge.core.seeds import derive_seed
from expunge.core.unit_names import GENERAL_SET, RELEASES, Name
from expunge.core.words import Finder
from expunge.methods import METHODS, for_several
from expunge.plan.contract import EncoderJob, NotAsked, PlannedList, PlannedRelease
from expunge.plan.general import named_places
from expunge.plan.notes import Labels
from expunge.plan.release_params import Known, ReleaseParams, members_of

Drawn = Mapping[str, Sequence[PlannedSample]]  # samples of each concept, and the general set


def release_jobs(
    releases: Mapping[str, ReleaseParams], unlearn: Mapping[str, Any], known: Known
) -> dict[str, EncoderJob]:
    """{"releases/name": its job}. It takes its own method or the usual one; those that its concepts name are theirs
    alone.

    :param unlearn: the section of params.yaml.
    """
    jobs = {}
    for name, release in releases.items():
        members, method = members_of(release, known), release.method or unlearn["method"]
        own = {**METHODS[method].defaults, **(unlearn.get(method) or {}), **release.parameters}
        jobs[str(Name(RELEASES, name))] = EncoderJob(members, method, for_several(method, own, len(members)), 0)
    return jobs


def planned_release(
    name: str,
    release: ReleaseParams,
    job: EncoderJob,
    lists: Mapping[str, PlannedList],
    concepts: Mapping[str, Concept],
    prompts: Prompts,
    seed: int,
) -> PlannedRelease:
    """:param job: of its encoder. :param lists: all lists of the plan."""
    own = {each: lists[each] for each in dict.fromkeys(Name.parse(member).list for member in job.concepts)}
    attacked = by_lot(job.concepts, release.attacked, seed, name)
    keep = dict.fromkeys(phrase for each in own.values() for phrase in each.keep)
    contradicted = tuple(not_asked(job.concepts, concepts, own, prompts))
    asked = tuple(lists if release.lists is None else release.lists)
    return PlannedRelease(asked, release.without, release.gate, release.attack, attacked, tuple(keep), contradicted)


def by_lot(members: Sequence[str], count: int | None, seed: int, name: str) -> tuple[str, ...]:
    """`count` of the members, in their order; None: all. Another member changes the choice by one at most."""
    ranked = sorted(members, key=lambda member: derive_seed(seed, "attacked", name, member))
    chosen = set(ranked[:count])
    return tuple(member for member in members if member in chosen)


def all_samples(usual: Drawn, released: Sequence[Drawn]) -> dict[str, tuple[PlannedSample, ...]]:
    """What the original encoder draws: for the lists and, after that, what releases with larger budgets draw besides.

    So no sample of a list's encoder changes its place because of a release. Of the general set, it is the largest:
    the others are beginnings of it.
    """
    samples = {}
    for name, own in usual.items():
        first = set(own)
        more = (sample for each in released for sample in each.get(name, ()) if sample not in first)
        samples[name] = (*own, *dict.fromkeys(more))
    sets = [each[GENERAL_SET] for each in released]
    by_modality = ([[s for s in each if s.modality == modality] for each in sets] for modality in MODALITIES)
    general = tuple(sample for each in by_modality for sample in max(each, key=len, default=()))
    return samples | ({GENERAL_SET: general} if general else {})


def outside(samples: Sequence[PlannedSample], own: Sequence[PlannedSample]) -> tuple[int, ...]:
    """The places of the samples that are not among an encoder's own."""
    if len(samples) == len(own):
        return ()
    wanted = set(own)
    return tuple(place for place, sample in enumerate(samples) if sample not in wanted)


def as_release(
    job: EncoderJob,
    members: Sequence[Concept],
    lists: Mapping[str, PlannedList],
    general: tuple[Sequence[PlannedSample], Sequence[PlannedSample]],
    labels: Labels,
) -> EncoderJob:
    """A joint job with what a release keeps besides: what its lists keep, less every prompt that holds a word which one
    of its concepts forgets; and with the part of the general set that it draws.

    :param general: (the part within its budget, the whole set).
    """
    lost = Finder(word for concept in members for word in lost_words(concept))
    own = dict.fromkeys(Name.parse(member).list for member in job.concepts)
    kept = dict.fromkeys((*job.kept, *(prompt for each in own for prompt in lists[each].kept)))
    mine, every = general
    out = tuple(sorted({*outside(every, mine), *named_places(every, labels, lost)}))
    left_out = {**job.left_out, GENERAL_SET: out} if every else job.left_out
    return replace(job, kept=tuple(prompt for prompt in kept if not lost.within(prompt)), left_out=left_out)


def not_asked(
    members: Sequence[str], concepts: Mapping[str, Concept], lists: Mapping[str, PlannedList], prompts: Prompts
) -> Iterator[NotAsked]:
    """What a part of a release keeps although one of its concepts forgets it; words of the base as whole prompts."""
    lost = {member: lost_words(concepts[member]) for member in members}
    every = Finder(word for words in lost.values() for word in words)

    def forgotten_by(text: str) -> str:
        return next(member for member in members if Finder(lost[member]).within(text))

    kept = {
        **{member: (*near_words(concepts[member]), *kept_senses(concepts[member])) for member in members},
        **{id_: each.keep for id_, each in lists.items()},
        "": prompts.general,
    }
    for owner, phrases in kept.items():
        for phrase in dict.fromkeys(phrases):
            if every.within(phrase):
                yield NotAsked(phrase, owner, forgotten_by(phrase))
    for far in prompts.far:
        if touches(far, every):
            yield NotAsked(far.prompt, "", forgotten_by(f"{far.prompt} {far.asks.name}"))
