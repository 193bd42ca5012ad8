"""What a judge may answer: labels by axis, from a base's `vocabulary.yaml`. Nothing here imports torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from expunge.core.errors import InputError, Problem
from expunge.core.words import plain


@dataclass(frozen=True)
class Label:
    """One answer of an axis. `templates`: its own, in place of the axis' ("{}" stands for a name)."""

    id: str
    names: tuple[str, ...]
    templates: tuple[str, ...] = ()


def read_vocabulary(file: Path) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[Label, ...]]]:
    """({axis: templates}, {axis: labels}) of a `vocabulary.yaml`:

        templates: {subject: ["a picture of {}"], style: ["{}"], motion: ["{}"]}
        subject: [{id: owl, names: [owl]}, ...]          style, background, motion: likewise; names may be empty
        style: [{id: plain, names: [photo], templates: ["a {} of a dog"]}]      its own templates, where needed

    :raises InputError: the file is missing or is not of this form.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    fix = "write `templates:` and, by axis, lists of {id, names}"
    try:
        raw = YAML(typ="safe").load(file.read_text("utf-8"))
        templates = {axis: tuple(map(str, texts)) for axis, texts in raw.pop("templates", {}).items()}
        labels = {
            axis: tuple(
                Label(str(e["id"]), tuple(map(str, e.get("names") or ())), tuple(e.get("templates") or ()))
                for e in entries
            )
            for axis, entries in raw.items()
        }
    except (OSError, UnicodeDecodeError, YAMLError, AttributeError, KeyError, TypeError) as error:
        what = "is missing" if isinstance(error, OSError) else "is no vocabulary of a judge"
        raise InputError([Problem(str(file), what, fix)]) from None
    twice = [(axis, x.id) for axis, axis_labels in labels.items() for x in axis_labels
             if sum(y.id == x.id for y in axis_labels) > 1]  # fmt: skip
    if twice:
        raise InputError([Problem(str(file), f"{twice[0][0]} has {twice[0][1]!r} twice", "keep one of them")])
    return templates, labels


def matching(labels: Sequence[Label], name: str) -> tuple[int, ...]:
    """Indices of the labels that a name means, by id or name; compared as `words.plain`."""
    wanted = plain(name)
    return tuple(i for i, label in enumerate(labels) if wanted in {plain(n) for n in (label.id, *label.names)})
