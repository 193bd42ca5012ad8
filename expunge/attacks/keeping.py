"""Which prompts attacks/found.csv keeps: git publishes it, so none that is for a confidential concept or names one."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from expunge.attacks.records import Attempt
from expunge.attacks.replayed import KeptPrompt, read_kept, worth_keeping, write_kept
from expunge.concepts.confidential import OPEN, Veil
from expunge.core.codes import is_open
from expunge.core.errors import Problem


def with_new(kept: Sequence[KeptPrompt], attempts: Iterable[Attempt], veil: Veil = OPEN) -> list[KeptPrompt]:
    """The prompts already kept and the new ones that brought a concept back, sorted, without duplicates.

    :param veil: over the lists.
    """
    new = [KeptPrompt(a.concept, a.attack, a.modality, a.prompt, a.seed) for a in worth_keeping(attempts)]
    shown = {each for each in (*kept, *new) if is_open(each.prompt) and not _secrets(each, veil)}
    return sorted(shown, key=lambda prompt: prompt.place)


def take_out(file: Path, concepts: Collection[str]) -> int:
    """Take the rows of concepts ("list/id") out of the file; returns how many. :raises InputError: as `read_kept`."""
    kept = read_kept(file)
    stay = [each for each in kept if each.concept not in concepts]
    if len(stay) < len(kept):
        write_kept(file, stay)
    return len(kept) - len(stay)


def kept_problems(file: Path, veil: Veil) -> list[Problem]:
    """A problem for each kept prompt that may not stand in the file. :raises InputError: as `read_kept`."""
    fix = "run `expunge keep-attacks`, which takes such prompts out, and commit it"
    return [
        Problem(
            file.as_posix(),
            f"keeps a prompt of {veil.masked(kept.concept)} that names the confidential {names[0]}",
            fix,
        )
        for kept in (read_kept(file) if veil else ())
        if (names := _secrets(kept, veil))
    ]


def _secrets(kept: KeptPrompt, veil: Veil) -> list[str]:
    """The confidential concepts of a row; its id may be one from before its concept was confidential."""
    return [kept.concept] if kept.concept in veil.secrets else veil.named(kept.concept) or veil.named(kept.prompt)
