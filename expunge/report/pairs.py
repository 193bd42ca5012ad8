"""Prompts with what both encoders drew for them: the pictures of a report."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from expunge.concepts.samples import FORGET, GENERAL, GROUPS, PlannedSample
from expunge.core.errors import InputError, Problem
from expunge.core.files import BROKEN_JSON
from expunge.core.unit_names import ORIGINAL, Name, UnitName
from expunge.report.run import Run


@dataclass(frozen=True)
class Pair:
    """One prompt and seed with both encoders. Files are PNGs; a video is a strip with an .mp4 beside it."""

    group: str
    modality: str
    prompt: str
    seed: int
    before: Path | None
    after: Path | None
    saw_before: float | None  # 1: the judge saw what was asked for
    saw_after: float | None
    target_before: float | None = None  # beside something else: 1: the judge saw the target
    target_after: float | None = None

    @property
    def forget(self) -> bool:
        return self.group in FORGET


def pairs_of(run: Run, encoder: str, concept: str) -> list[Pair]:
    """The pairs of a concept under an encoder that may be shown, in the order of its prompts.

    :param encoder: "list/encoder". :param concept: "list/concept", or GENERAL_SET.
    """
    entry = run.plan.concepts.get(concept)  # the general set is of no concept
    if entry is not None and entry.confidential:
        return []
    name, job = Name.parse(concept), Name.parse(encoder)
    old = run.renders / str(UnitName(concept=name, original=True))
    new = run.renders / str(UnitName(job, name))
    files = {sample.place: sample.file for sample in _samples(old)}
    old_unit, new_unit = (name.list, ORIGINAL, name.id), (name.list, job.column, name.id)
    before, after = run.seen.get(old_unit, {}), run.seen.get(new_unit, {})
    target_before, target_after = run.target_seen.get(old_unit, {}), run.target_seen.get(new_unit, {})
    return [
        Pair(
            s.group, s.modality, s.prompt, s.seed, old / files[s.place], new / s.file,
            before.get(s.place), after.get(s.place), target_before.get(s.place), target_after.get(s.place),
        )
        for s in _samples(new)
        if s.place in files
        and s.group in (*GROUPS, GENERAL)
        and not run.is_withheld(entry, s.group, s.prompt, s.asks.name)
    ]  # fmt: skip


def drawn_first(pairs: Iterable[Pair]) -> list[Pair]:
    """Sorted: first the pairs in which the original encoder drew what was asked, then those in which only the unlearned
    one did, then the rest. In each part, every prompt comes once before any is repeated."""
    turns: Counter[tuple[Any, ...]] = Counter()
    ranked = []
    for pair in sorted(pairs, key=lambda pair: pair.modality != "video"):
        silent = 0 if pair.saw_before else 1 if pair.saw_after else 2
        place = pair.group, pair.prompt, silent
        ranked.append((silent, turns[place], pair))
        turns[place] += 1
    return [pair for _, _, pair in sorted(ranked, key=lambda one: one[:2])]


def fewshot_of(run: Run, concept: str) -> list[Path]:
    """The images that a method learned a concept from; none where they may not be shown."""
    if run.plan.concepts[concept].confidential:
        return []
    return sorted((run.fewshot / str(UnitName(concept=Name.parse(concept)))).glob("image-*.png"))


def _samples(folder: Path) -> Sequence[PlannedSample]:
    """The prompts of a unit of build/renders; none where it was not drawn. :raises InputError: they have another
    form."""
    file = folder / "prompts.json"
    try:
        return msgspec.json.decode(file.read_bytes(), type=list[PlannedSample])
    except OSError:
        return []
    except BROKEN_JSON as error:
        raise InputError([Problem(file.as_posix(), f"is no list of prompts ({error})", "run `dvc repro`")]) from None
