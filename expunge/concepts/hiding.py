"""Moves the words of concepts out of a list and into the private file, so that git holds them no longer.

    hide(Path("concepts/people.yaml"), ["mira-holt"])       {"mira-holt": "c-804120"}

Ids become new ones, in the list's groups of encoders as well: no check knows all the ways in which an id can tell a
name, such as another script's.
"""

import io
import secrets
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from expunge.concepts.leaks import tells
from expunge.concepts.private import KEYS, WORDS, ignored_by_git, private_file, read_private
from expunge.concepts.source import concept_nodes, list_files, read_source
from expunge.core.errors import InputError, Problem, shown
from expunge.core.files import write_aside, write_text
from expunge.core.schema import did_you_mean
from expunge.core.yamlfile import Node, load


def hide(file: Path, ids: Sequence[str], with_request: bool = False, keep_id: bool = False) -> dict[str, str]:
    """Rewrite a list and the private file of its folder; returns {id: the id that it has now}.

    :param with_request: move the requests, too. :param keep_id: the ids stay.
    :raises InputError: there is no such list or concept, it has no words here, the private file is none or has
        other words of it, or an id that would stay tells what it stands for.
    """
    if file.resolve() not in [each.resolve() for each in list_files(file.parent)[0]]:
        raise InputError([Problem(shown(file), "is no concept list", "name a list by its id or its file")])
    if problems := list(_form_problems(load(file), shown(file))):  # which tells every mistake in the YAML itself
        raise InputError(problems)
    yaml, private = _yaml(), private_file(file.parent)
    raw = yaml.load(file.read_text("utf-8"))
    entries = {entry["id"]: entry for entry in raw["concepts"]}
    wanted = list(dict.fromkeys(ids))
    problems = [Problem(shown(file), f"has no concept {id_}", did_you_mean(id_, list(entries)))
                for id_ in wanted if id_ not in entries]  # fmt: skip
    problems += [Problem(shown(file), f"holds no words of {id_}", "name a concept whose words are there")
                 for id_ in wanted if id_ in entries and not any(key in WORDS for key in entries[id_])]  # fmt: skip
    if problems or (problems := read_private(file.parent)[1]):
        raise InputError(problems)
    known = yaml.load(private.read_text("utf-8")) if private.is_file() else _new()
    theirs, listed = known["concepts"], {*entries, *_ids(file.parent)}
    problems = [Problem(shown(private), f"has other words of {id_} already ({', '.join(keys)})",
                        f"give {id_} another id in {shown(file)}, or mend its words in one of the two")
                for id_ in wanted if (keys := _other_words(entries[id_], theirs.get(id_)))]  # fmt: skip
    problems += [Problem(shown(file), f"{id_} tells what it stands for", "leave --keep-id out")
                 for id_ in wanted if keep_id and tells(id_, {**theirs.get(id_, {}), **entries[id_]})]  # fmt: skip
    if problems:
        raise InputError(problems)
    renamed = {}
    for id_ in wanted:
        entry = entries[id_]
        there = _there(entry, theirs, listed)
        own = theirs.pop(there, {})
        stays = keep_id or (there and not tells(there, {**own, **entry}))
        new = (there or id_) if stays else _new_id({*listed, *theirs})
        theirs[new] = own
        listed.add(new)
        moved = [key for key in entry if key in (KEYS if with_request or "request" in own else WORDS)]
        own.update({key: entry.pop(key) for key in moved})
        entry["id"], entry["confidential"] = new, True
        renamed[id_] = new
    encoders = raw.get("encoders")
    for members in (encoders.get("joint") or {}).values() if isinstance(encoders, Mapping) else ():
        members[:] = [renamed.get(each, each) for each in members]
    private.parent.mkdir(exist_ok=True)
    _ignore(private)
    _write(yaml, private, known)  # first: nothing is lost if the other cannot be written
    _write(yaml, file, raw)
    return renamed


def _form_problems(tree: Node, where: str) -> Iterator[Problem]:
    """What keeps a list from being rewritten: concepts without an id of text, groups that are none."""
    fix = "run `expunge validate`, and mend it first"
    entries = tree.at(["concepts"]).children if isinstance(tree.value, dict) and "concepts" in tree.value else None
    if not isinstance(entries, list):
        yield Problem(where, "is no concept list", "run `expunge validate`")
        return
    seen = set[str]()
    for node in entries:
        line = f"{where}:{node.at(['id']).line}"
        id_ = node.value.get("id") if isinstance(node.value, dict) else None
        if not isinstance(id_, str):
            yield Problem(line, "a concept has no id that is text", fix)
        elif id_ in seen:
            yield Problem(line, f"has the id {id_} a second time", fix)
        seen.add(str(id_))
    groups = tree.at(["encoders", "joint"]) if isinstance(tree.value.get("encoders"), dict) else tree
    if groups is tree or "joint" not in tree.value["encoders"] or groups.value is None:
        return
    members = groups.children.values() if isinstance(groups.children, dict) else ()
    if not isinstance(groups.children, dict) or any(not isinstance(each.children, list) for each in members):
        yield Problem(f"{where}:{groups.line}", "`joint` is no `{group: [ids]}`", fix)


def _ids(folder: Path) -> list[str]:
    """The ids of all lists of a folder, as far as they can be read."""
    sources = [source for file in list_files(folder)[0] if (source := read_source(file)[0]) is not None]
    return [concept.label for concept in concept_nodes(sources)]


def _other_words(entry: Mapping[str, Any], there: Mapping[str, Any] | None) -> list[str]:
    """The keys in which an entry differs from what the private file has under its id."""
    if there is None:
        return []
    both = entry.get("confidential") is True  # then what is there is its own, and the list may hold what was added
    keys = (
        [key for key in KEYS if key in entry and key in there] if both else [k for k in WORDS if k in (*entry, *there)]
    )
    return [key for key in keys if entry.get(key) != there.get(key)]


def _there(entry: Mapping[str, Any], theirs: Mapping[str, Any], listed: Collection[str]) -> str:
    """The id under which the private file has the entry's words: a kill kept the list from being written, or it is its
    own. "": there is none."""
    if entry["id"] in theirs:
        return str(entry["id"])
    words = {key: entry[key] for key in WORDS if key in entry}
    left = (id_ for id_, own in theirs.items() if {key: own[key] for key in WORDS if key in own} == words)
    return next((id_ for id_ in left if id_ not in listed), "")


def _new() -> dict[str, Any]:
    return {"salt": secrets.token_hex(32), "concepts": {}}


def _new_id(taken: set[str]) -> str:
    """Of digits: among hex digits there are words."""
    while (made := f"c-{secrets.randbelow(10**6):06}") in taken:
        pass
    return made


def _ignore(private: Path) -> None:
    """Have git ignore the private file, also where there is no repository yet."""
    file = private.with_name(".gitignore")
    before = file.read_text("utf-8") if file.is_file() else ""
    if not before or not ignored_by_git(private):
        write_text(file, f"{before.rstrip()}\n*\n!.gitignore\n".lstrip())


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes, yaml.width = True, 10_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _write(yaml: Any, file: Path, data: Any) -> None:
    text = io.StringIO()
    yaml.dump(data, text)
    private = file == private_file(file.parent.parent)
    mode = 0o600 if private else stat.S_IMODE(file.stat().st_mode)  # nobody else's; a list's own

    def write(part: Path) -> None:
        part.touch(mode=0o600)
        part.write_text(text.getvalue(), "utf-8", newline="")
        part.chmod(mode)

    write_aside(file, write)
