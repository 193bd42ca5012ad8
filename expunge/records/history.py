"""What became of a concept, commit by commit: asked for, changed, tested, passed, withdrawn. From git alone.

    for moment in history(Path(), "objects/fire-engine"):
        print(moment.time, moment.commit, *moment.events)

An entry's words are not told, for it may be confidential: of a change, the keys that changed, and of a request its own
data. Old commits are read as far as they can be, and a file that cannot be read is said.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from expunge.core.errors import InputError, Problem
from expunge.core.unit_names import Name
from expunge.core.yamlfile import load_text
from expunge.verdicts.verdict_file import UNMEASURED, passed

VERDICTS = "metrics/verdicts.json"
TOLD = ("target", "aliases", "near", "far", "sense")  # the numbers whose moves are told
OPENLY = (
    "id",
    "received",
    "due",
    "decided",
)  # of the request for a confidential concept: the rest is in somebody's words
WORDS = ("fail", "not measured", "pass")  # what outweighs what


@dataclass(frozen=True)
class Moment:
    """A commit in which something became of a concept."""

    time: str  # of the commit, ISO 8601 with zone
    commit: str
    subject: str  # the commit's own first line
    events: tuple[str, ...]


@dataclass(frozen=True)
class Tested:
    """What a run found of a concept under one encoder."""

    verdict: str
    base: str
    numbers: dict[str, float | None]  # {"image target": value}


def history(root: Path, concept: str) -> list[Moment]:
    """The moments of a concept ("list/id"), the oldest first.

    :raises InputError: the name is none, there is no git repository, or no commit knows the concept.
    """
    try:
        name = Name.parse(concept)
    except ValueError as error:
        raise InputError([Problem(concept, str(error), "write list/id, such as objects/fire-engine")]) from None
    list_file = f"concepts/{name.list}.yaml"
    log = _git(root, "log", "--reverse", "--format=%H%x00%cI%x00%s", "--", list_file, VERDICTS)
    if log is None:
        fix = "run this in the repository that holds concepts/ and metrics/"
        raise InputError([Problem(root.as_posix(), "has no history that git can tell", fix)])
    entry, tested, moments = None, dict[str, Tested](), list[Moment]()
    commits = [line.split("\0", 2) for line in filter(None, log.split("\n"))]
    entries = [_entry(_git(root, "show", f"{commit}:./{list_file}"), name.id) for commit, _, _ in commits]
    hidden = _hidden([each for each, _ in [*entries, _entry(_here(root / list_file), name.id)] if each is not None])
    for (commit, time, subject), (now, unread) in zip(commits, entries, strict=True):
        events = list[str]()
        events += [f"{list_file} cannot be read in this commit"] if unread else _of_entry(entry, now, hidden)
        found, broken = _tested(_git(root, "show", f"{commit}:./{VERDICTS}"), name)
        events += [f"{VERDICTS} cannot be read in this commit"] if broken else _of_tests(tested, found)
        entry, tested = entry if unread else now, tested if broken else found
        if events:
            moments.append(Moment(time, commit[:10], subject, tuple(events)))
    if not any(event.startswith("is listed") for moment in moments for event in moment.events):
        what = f"no commit has it in {list_file}"
        raise InputError([Problem(concept, what, "write list/id as the list does, and commit the list")])
    return moments


def _entry(text: str | None, id_: str) -> tuple[dict[str, Any] | None, bool]:
    """(the entry of a concept in a list's text, None where it is not there; could the text not be read?)."""
    if text is None:
        return None, False
    try:
        tree = load_text(text, "the list")
        concepts = tree.value["concepts"] if tree is not None else []
        return next((dict(each) for each in concepts if each["id"] == id_), None), False
    except (InputError, KeyError, TypeError, ValueError):
        return None, True


def _here(file: Path) -> str | None:
    """The list as it lies here: it may have become confidential since the last commit."""
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _hidden(entries: Sequence[Mapping[str, Any]]) -> tuple[str, ...] | None:
    """What of a concept's requests may be told, those of old commits included; None: all. The newest entry decides.

    :param entries: the oldest first.
    """
    if not entries or not entries[-1].get("confidential"):
        return None
    return OPENLY if "request" in entries[-1] else OPENLY[1:]  # `hide --with-request` took its id out of the list


def _of_entry(
    old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, hidden: Sequence[str] | None
) -> Iterator[str]:
    if new is None:
        if old is not None:
            yield "is withdrawn: it is no longer on its list"
        return
    asked = new.get("request")
    if old is None or old.get("request") != asked:
        shown = hidden if hidden is not None else OPENLY if new.get("confidential") else tuple(asked or ())
        told = (
            ", ".join(f"{key} {asked[key]}" for key in shown if key in asked) if isinstance(asked, Mapping) else "none"
        )
        yield f"is listed; request: {told}" if old is None else f"its request is now: {told}"
    if old is not None:
        keys = sorted(key for key in {*old, *new} - {"request"} if old.get(key) != new.get(key))
        if keys:
            yield f"its entry changed: {', '.join(keys)}"


def _tested(text: str | None, name: Name) -> tuple[dict[str, Tested], bool]:
    """({encoder: what its gates say of the concept} of a text of verdicts; could it not be read?)."""
    if text is None:
        return {}, False
    try:
        found = {}
        for encoder, verdict in json.loads(text).items():
            whose = Name.parse(encoder)
            every = [*verdict["reasons"], *({**asdict(gate), "verdict": "pass"} for gate in passed(verdict))]
            own = [reason for reason in every if _speaks_of(reason, whose, name)]
            needed = [reason["verdict"] for reason in own if reason["required"]] or [r["verdict"] for r in own]
            if own:
                told = [r for r in own if r["metric"] in TOLD]
                numbers = {
                    f"{r['modality']} {r['metric']}": None if r["value"] is None else float(r["value"]) for r in told
                }
                units = [UNMEASURED] if verdict.get("note") else []  # that failed: nobody knows what they would show
                word = next(word for word in WORDS if word in [*needed, *units])
                found[encoder] = Tested(word, verdict.get("base", ""), numbers)
        return found, False
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError):
        return {}, True


def _speaks_of(reason: Mapping[str, Any], encoder: Name, concept: Name) -> bool:
    """Is a reason about the concept? A single encoder's reasons name none."""
    if encoder == concept:
        return True
    return bool(reason["concept"]) and reason["concept"] == concept.id and encoder.list in (concept.list, "releases")


def _of_tests(old: Mapping[str, Tested], new: Mapping[str, Tested]) -> Iterator[str]:
    for encoder, now in new.items():
        before = old.get(encoder)
        if before is None:
            yield f"{encoder}: {now.verdict}"
        elif before.verdict != now.verdict:
            yield f"{encoder}: {now.verdict} (was: {before.verdict})"
        if before is not None:
            moved = [f"{key} {_short(before.numbers[key])} -> {_short(value)}" for key, value in now.numbers.items()
                     if key in before.numbers and before.numbers[key] != value]  # fmt: skip
            if moved:
                yield f"{encoder}: {', '.join(moved)}"
            if before.base and now.base != before.base:
                yield f"{encoder}: made with another base"
    for encoder in [each for each in old if each not in new]:
        yield f"{encoder}: has no verdict on it any more"


def _short(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3g}"


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, check=False)
    except OSError:
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None
