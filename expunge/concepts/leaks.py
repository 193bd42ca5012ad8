"""Finds texts in git that name a confidential concept, and takes its words out of messages.

Both look at trees of files, before anything is known to be right; what a run writes goes through
`expunge.concepts.confidential`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from expunge.concepts.private import GLOSS, QUOTED, Private, read_private
from expunge.concepts.source import ConceptNode, Source, concept_nodes, list_files, read_source
from expunge.concepts.spellings import Spellings
from expunge.core.errors import Problem
from expunge.core.words import content_words
from expunge.core.yamlfile import Node, load

NAMING = ("name", "aliases", "probes", "members", "paraphrases")  # with sense.forget, what names a concept
_COMMENT = re.compile(r"(?:^|\s)#(.*)")


def naming(sources: Sequence[ConceptNode], private: Private | None) -> dict[str, Spellings]:
    """{id: the spellings of what names it} of every entry of the private file. :param sources: say who is a person."""
    people = {concept.label for concept in sources if concept.node.value.get("kind") == "person"}
    found = {}
    for id_, entry in private.entries.items() if private is not None else ():
        words = _naming_words(entry.value)
        found[id_] = Spellings(words, words if id_ in people else ())
    return found


def secrets_of(folder: Path) -> tuple[dict[str, Spellings], Private | None]:
    """(what names each confidential concept of a folder of lists, by id; its private file), right or not."""
    private = read_private(folder)[0]
    if private is None:
        return {}, None
    sources = [source for path in list_files(folder)[0] if (source := read_source(path)[0]) is not None]
    return naming(concept_nodes(sources), private), private


def published_problems(source: Source, secrets: Mapping[str, Spellings], where: str) -> Iterator[Problem]:
    """Texts of a file in git that name a confidential concept. Each is told by its place and without the word.

    :param where: of the private file, whose texts are none in git.
    """
    for name, node, is_key in _texts(source.tree, ()):
        text = name[-1] if is_key else node.text
        if node.where == where or (name and name[-1] in ("kind", "method", "judge", "confidential") and not is_key):
            continue
        for id_, words in secrets.items():
            if words.within(str(text)):
                what = f"{_called(source, name, is_key)} names the confidential concept {id_}, and git publishes it"
                fix = "write another id" if name[-1] == "id" else "take it out, or make that concept confidential, too"
                fix = "write it in other words" if name[0] == "requests" and name[-1] != "id" else fix
                fix = f"write it in other words, or move `request:` into {where}" if "request" in name else fix
                yield Problem(source.place(node), what, fix)
    for line, comment in _comments(source.path) if secrets else ():
        for id_ in (id_ for id_, words in secrets.items() if words.within(comment)):
            what = f"a comment names the confidential concept {id_}, and git publishes it"
            yield Problem(f"{source.where}:{line}", what, "take it out")
    for id_, words in secrets.items():
        if words.within(source.id):
            yield Problem(source.where, f"its name names the confidential concept {id_}", "rename it")


def tells(id_: str, entry: Mapping[str, Any]) -> bool:
    """Is an id made of the words of its concept? :param entry: with the words."""
    words = _naming_words(entry)
    parts = [part for word in words for part in content_words(word) if len(part) > 1]
    return Spellings([*words, *parts], words).within(id_)


def id_problems(sources: Sequence[ConceptNode], private: Private | None) -> Iterator[Problem]:
    """Ids of confidential concepts that tell what they stand for."""
    for concept in sources:
        entry = private.entries.get(concept.label) if private is not None else None
        if entry is not None and concept.node.value.get("confidential") is True and tells(concept.label, entry.value):
            fix = "write another one, such as c-0417, in both files"
            yield Problem(concept.place("id"), "the id of a confidential concept is made of its words", fix)


def params_problems(file: Path, named: Callable[[str], Sequence[str]]) -> list[Problem]:
    """Texts of params.yaml, which git holds, that name a confidential concept. :param named: the concepts of a text."""
    where = file.as_posix()
    texts = [(node.line, str(path[-1] if is_key else node.text)) for path, node, is_key in _texts(load(file), ())]
    return [
        Problem(f"{where}:{line}", f"a text names the confidential {names[0]}, and git publishes it", "take it out")
        for line, text in [*texts, *_comments(file)]
        if (names := named(text))
    ]


def masked(problems: Iterable[Problem], secrets: Iterable[Spellings], private: Private | None) -> list[Problem]:
    """The problems without words of confidential concepts. What they repeat of the private file is left out."""
    if private is None:
        return list(problems)
    words = list(secrets)
    texts = {text for entry in private.entries.values() for text in _scalars(entry) if len(text) > 1}
    longest = sorted(texts, key=lambda text: (-len(text), text))

    def without(text: str, own: bool) -> str:
        for each in longest if own else ():
            text = text.replace(each, GLOSS)
        text = QUOTED.sub(GLOSS, text) if own else text
        for spelled in words:
            text = spelled.masked(text, GLOSS)
        return text

    result = []
    for each in problems:
        own = private.where in each.files
        result.append(replace(each, what=without(each.what, own), fix=without(each.fix, own)))
    return result


def mask_of(folder: Path) -> Callable[[str], str]:
    """Takes what names a concept of the private file of a folder out of a text: an id from before it was confidential
    does, as does a line of an older table. The lists need not be right."""
    words = list(naming((), read_private(folder)[0]).values())

    def without(text: str) -> str:
        for each in words:
            text = each.masked(text, GLOSS)
        return text

    return without


def leaves(value: Any) -> Iterator[str]:
    """The texts in plain data."""
    if isinstance(value, str):
        yield value
    for each in value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ():
        yield from leaves(each)


def _naming_words(entry: Mapping[str, Any]) -> list[str]:
    sense = entry.get("sense")
    values = [entry.get(key) for key in NAMING] + [sense.get("forget") if isinstance(sense, Mapping) else None]
    return [word for value in values for word in leaves(value)]


def _scalars(node: Node) -> Iterator[str]:
    """Everything that is written below a node, as it is written."""
    for each in node.children.values() if isinstance(node.children, dict) else node.children or ():
        yield from _scalars(each)
    if node.children is None:
        yield node.text


def _texts(node: Node, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Node, bool]]:
    """(path, node, is it the key?) of every text below a node."""
    if isinstance(node.children, dict):
        for key, child in node.children.items():
            yield (*path, key), child, True
            yield from _texts(child, (*path, key))
    elif isinstance(node.children, list):
        for place, child in enumerate(node.children):
            yield from _texts(child, (*path, place))
    elif isinstance(node.value, str):
        yield path, node, False


def _comments(file: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of everything in a YAML file that may be a comment."""
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        if found := _COMMENT.search(line):
            yield number, found[1]


def _called(source: Source, path: Sequence[Any], is_key: bool) -> str:
    """ "`neighbours` of two": the entry and the key, without the text."""
    keys = [part for part in path if isinstance(part, str)]
    if is_key:
        keys = keys[:-1]
    inner = path[:1] in (("concepts",), ("requests",))
    entry = source.tree.at(path[:2]) if inner else None
    known = entry is not None and isinstance(entry.value, dict) and "id" in entry.value
    owner = f" of {entry.value['id']}" if entry is not None and known and keys[-1:] != ["id"] else ""
    inside = keys[1:] if inner else keys
    return f"{'a key in ' if is_key else ''}`{'.'.join(inside) or 'the file'}`{owner}"
