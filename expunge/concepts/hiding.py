"""Moves the words of concepts out of a list and into the private file, so that git holds them no longer.

    hide(Path("concepts/people.yaml"), ["mira-holt"])       {"mira-holt": "c-8d1f20"}

An id that names its concept becomes a new one, in the list's groups of encoders as well.
"""

import io
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from expunge.concepts.leaks import tells
from expunge.concepts.private import KEYS, WORDS, ignored_by_git, private_file, read_private
from expunge.concepts.source import list_files
from expunge.core.errors import InputError, Problem, shown
from expunge.core.files import write_text
from expunge.core.schema import did_you_mean
from expunge.core.yamlfile import load


def hide(file: Path, ids: Sequence[str], with_request: bool = False) -> dict[str, str]:
    """Rewrite a list and the private file of its folder; returns {id: the id that it has now}.

    :param with_request: move the requests, too.
    :raises InputError: there is no such list or concept, it has no words here, or the private file is none.
    """
    if file.resolve() not in [each.resolve() for each in list_files(file.parent)[0]]:
        raise InputError([Problem(shown(file), "is no concept list", "name a list by its id or its file")])
    load(file)  # tells every mistake in the YAML
    yaml, private = _yaml(), private_file(file.parent)
    raw = yaml.load(file.read_text("utf-8"))
    try:
        entries = {entry["id"]: entry for entry in raw["concepts"]}
    except (KeyError, TypeError):
        raise InputError([Problem(shown(file), "is no concept list", "run `expunge validate`")]) from None
    problems = [Problem(shown(file), f"has no concept {id_}", did_you_mean(id_, list(entries)))
                for id_ in ids if id_ not in entries]  # fmt: skip
    problems += [Problem(shown(file), f"holds no words of {id_}", "name a concept whose words are there")
                 for id_ in ids if id_ in entries and not any(key in WORDS for key in entries[id_])]  # fmt: skip
    if problems or (problems := read_private(file.parent)[1]):
        raise InputError(problems)
    known = yaml.load(private.read_text("utf-8")) if private.is_file() else _new()
    renamed = {}
    for id_ in ids:
        entry, keys = entries[id_], KEYS if with_request else WORDS
        new = _id_of(id_, entry, {*entries, *known["concepts"]})
        known["concepts"][new] = {key: entry.pop(key) for key in [key for key in entry if key in keys]}
        entry["id"], entry["confidential"] = new, True
        renamed[id_] = new
    encoders = raw.get("encoders")
    for members in (encoders.get("joint") or {}).values() if isinstance(encoders, Mapping) else ():
        members[:] = [renamed.get(each, each) for each in members]
    private.parent.mkdir(exist_ok=True)
    if not ignored_by_git(private):
        write_text(private.with_name(".gitignore"), "*\n")
    _write(yaml, private, known)  # first: nothing is lost if the other cannot be written
    _write(yaml, file, raw)
    return renamed


def _new() -> dict[str, Any]:
    return {"salt": secrets.token_hex(32), "concepts": {}}


def _id_of(id_: str, entry: Mapping[str, Any], taken: set[str]) -> str:
    """The id, or another one where it names the concept."""
    while tells(id_, entry):
        made = f"c-{secrets.token_hex(3)}"
        id_ = id_ if made in taken else made
    return id_


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes, yaml.width = True, 10_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _write(yaml: Any, file: Path, data: Any) -> None:
    text = io.StringIO()
    yaml.dump(data, text)
    write_text(file, text.getvalue())
