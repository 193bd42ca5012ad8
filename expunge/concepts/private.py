"""The private file: the words of confidential concepts, which git ignores. The lists hold their ids.

    concepts/private/words.yaml
        salt: 4f0c...                                   64 random hex digits; codes and digests are made with them
        concepts:
          c-0417: {name: mira holt, aliases: [a woman with red hair], anchor: a teddy bear}

`merge` puts the words into the trees of the lists before anything else looks at them, so that all checks are the same.
"""

import re
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from expunge.concepts.source import ConceptNode, Source
from expunge.concepts.spellings import Spellings
from expunge.core.errors import InputError, Problem, shown
from expunge.core.schema import did_you_mean, short
from expunge.core.yamlfile import Node, load, read

PRIVATE = Path("private/words.yaml")  # below the folder of lists
WORDS = ("name", "aliases", "probes", "members", "anchor", "neighbours", "sense", "parts", "paraphrases", "prompts")
KEYS = (*WORDS, "request")  # that the private file may hold
OPEN = ("id", "kind", "confidential", "judge", "method", "parameters", "gate", "request")  # that the list may hold
NAMING = ("name", "aliases", "probes", "members", "paraphrases")  # with sense.forget, what names a concept
SALT = re.compile(r"[0-9a-f]{64}")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|\[[^\]]*\]")
_COMMENT = re.compile(r"(?:^|\s)#(.*)")
_GLOSS = "[confidential]"


@dataclass(frozen=True)
class Private:
    """A private file as it was read."""

    where: str  # the file's name in problems
    salt: str = ""
    entries: Mapping[str, Node] = field(default_factory=dict)  # by id


def private_file(folder: Path) -> Path:
    return folder / PRIVATE


def private_of(folder: Path) -> Private:
    """The private file of a folder of lists. :raises InputError: it is missing, or is none."""
    private, problems = read_private(folder)
    if private is None or problems:
        where = shown(private_file(folder))
        raise InputError(problems or [Problem(where, "is missing, and a concept is confidential", _BRING)])
    return private


_BRING = "bring it from who keeps it (docs/lists.md, Confidential concepts)"


def read_private(folder: Path) -> tuple[Private | None, list[Problem]]:
    """(the private file, None where there is none; what is wrong with it)."""
    file = private_file(folder)
    where = shown(file)
    if not file.exists() and not file.is_symlink():
        return None, []
    tree, found = read(file, where)
    problems = [*(_without_quotes(each) for each in found), *_git_problems(file, where)]
    if tree is None or not isinstance(tree.value, dict):
        fix = "write `salt:` and `concepts: {ID: {name: ...}}`"
        return Private(where), problems or [Problem(f"{where}:1", "is no private file", fix)]
    for key in tree.value:
        if key not in ("salt", "concepts"):
            line = tree.at([key]).line
            problems.append(Problem(f"{where}:{line}", "has a key that is not known", "write salt and concepts alone"))
    salt, concepts = tree.value.get("salt"), tree.children.get("concepts")
    if not isinstance(salt, str) or not SALT.fullmatch(salt):
        fix = "write `salt:` and what `openssl rand -hex 32` prints, in quotes"
        problems.append(Problem(f"{where}:{tree.at(['salt']).line}", "`salt` is not 64 hex digits", fix))
    entries = concepts.children if concepts is not None and isinstance(concepts.children, dict) else {}
    if not entries:
        problems.append(Problem(f"{where}:1", "holds no concept", "write `concepts: {ID: {name: ...}}`"))
    for id_, node in entries.items():
        problems += _entry_problems(where, id_, node)
    return Private(where, str(salt), {id_: node for id_, node in entries.items() if node.children}), problems


def merge(sources: Sequence[ConceptNode], private: Private | None, folder: Path) -> list[Problem]:
    """Put the words of confidential concepts into their entries, and tell what is wrong between the two files.

    An entry without words gets its id for a name, so that the checks do not report what follows from that.
    """
    where, problems, known = shown(private_file(folder)), list[Problem](), set[str]()
    for concept in sources:
        raw, id_ = concept.node.value, concept.label
        if raw.get("confidential") is not True:
            continue
        known.add(id_)
        entry = private.entries.get(id_) if private is not None else None
        given = [key for key in raw if key not in OPEN]
        if given and entry is None:
            what = f"{id_} is confidential, and git holds its words here ({', '.join(given)})"
            problems.append(Problem(concept.place(given[0]), what, f"run `expunge hide {concept.source.id} {id_}`"))
            continue
        if entry is None:
            what = f"{id_} is confidential, and {where} {'is missing' if private is None else 'has no entry for it'}"
            fix = _BRING if private is None else f"write {id_} there, or take it out here"
            problems.append(Problem(concept.place("id"), what, fix, (where,)))
            _graft(concept.node, "name", Node(id_, concept.node.line, id_))
            continue
        for key, node in entry.children.items():
            if key in raw:
                what = f"{id_} has `{key}` here and in {where}"
                problems.append(Problem(concept.place(key), what, "keep one of them", (f"{where}:{node.line}",)))
            else:
                _graft(concept.node, key, placed(node, where))
    for id_, node in private.entries.items() if private is not None else ():
        if id_ not in known:
            listed = any(concept.label == id_ for concept in sources)
            what = f"has words of {id_}, which {'is not confidential there' if listed else 'no list names'}"
            fix = "write `confidential: true` there" if listed else _unknown(id_, known)
            problems.append(Problem(f"{where}:{node.line}", what, fix))
    return problems


def naming(sources: Sequence[ConceptNode]) -> dict[str, Spellings]:
    """{id of a confidential concept: the spellings of what names it}, of trees that have been merged.

    Those whose words still stand in their list are left out: `merge` has told.
    """
    found = {}
    for concept in sources:
        raw = concept.node.value
        if raw.get("confidential") is True and concept.node.at(["name"]).where:
            sense = raw.get("sense")
            values = [raw.get(key) for key in NAMING] + [sense.get("forget") if isinstance(sense, dict) else None]
            words = [word for value in values for word in leaves(value)]
            found[concept.label] = Spellings(words, words if raw.get("kind") == "person" else ())
    return found


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
                fix = f"write it in other words, or move `request:` into {where}" if "request" in name else fix
                yield Problem(source.place(node), what, fix)
    for line, comment in _comments(source.path) if secrets else ():
        for id_ in (id_ for id_, words in secrets.items() if words.within(comment)):
            what = f"a comment names the confidential concept {id_}, and git publishes it"
            yield Problem(f"{source.where}:{line}", what, "take it out")
    for id_, words in secrets.items():
        if words.within(source.id):
            yield Problem(source.where, f"its name names the confidential concept {id_}", "rename it")


def params_problems(file: Path, named: Callable[[str], Sequence[str]]) -> list[Problem]:
    """Texts of params.yaml, which git holds, that name a confidential concept. :param named: the concepts of a text."""
    where = file.as_posix()
    texts = [(node.line, str(path[-1] if is_key else node.text)) for path, node, is_key in _texts(load(file), ())]
    return [
        Problem(f"{where}:{line}", f"a text names the confidential {names[0]}, and git publishes it", "take it out")
        for line, text in [*texts, *_comments(file)]
        if (names := named(text))
    ]


def masked(problems: Iterable[Problem], secrets: Iterable[Spellings], where: str) -> list[Problem]:
    """The problems without words of confidential concepts. What they quote of the private file is left out."""
    words, result = list(secrets), list[Problem]()
    for problem in problems:
        own = replace(problem)
        if where in problem.files:
            own = _without_quotes(problem)
        for each in words:
            own = replace(own, what=each.masked(own.what, _GLOSS), fix=each.masked(own.fix, _GLOSS))
        result.append(own)
    return result


def leaves(value: Any) -> Iterator[str]:
    """The texts in plain data."""
    if isinstance(value, str):
        yield value
    for each in value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ():
        yield from leaves(each)


def placed(node: Node, where: str) -> Node:
    """The node, whose places are in another file."""
    stack = [node]
    while stack:
        each = stack.pop()
        each.where = where
        stack += each.children.values() if isinstance(each.children, dict) else each.children or []
    return node


def _graft(into: Node, key: str, node: Node) -> None:
    into.children[key] = node
    into.value[key] = node.value


def _entry_problems(where: str, id_: str, node: Node) -> Iterator[Problem]:
    if not isinstance(node.children, dict) or not node.children:
        yield Problem(f"{where}:{node.line}", f"{id_} has no words", "write `name:` and what else is known of it")
        return
    for key, child in node.children.items():
        if key not in KEYS:
            fix = f"write it into the list, or one of {', '.join(KEYS)}" if key in OPEN else f"write {', '.join(KEYS)}"
            what = f"{id_} has a key that is no word" if key in OPEN else f"{id_} has a key that is not known"
            yield Problem(f"{where}:{child.line}", what, fix)


def ignored_by_git(file: Path) -> bool:
    """Does git ignore a file? True where there is no repository."""
    return _git(file, "check-ignore", "--quiet") != 1


def _git_problems(file: Path, where: str) -> Iterator[Problem]:
    """Does git hold the file, or would it?"""
    if _git(file, "ls-files", "--error-unmatch") == 0:
        fix = f"`git rm --cached {where}`, and write * into {Path(where).parent.as_posix()}/.gitignore"
        yield Problem(where, "is in git, and so are the words of confidential concepts", fix)
    elif not ignored_by_git(file):
        fix = f"write * into {Path(where).parent.as_posix()}/.gitignore"
        yield Problem(where, "is not ignored by git, and the next `git add` would publish it", fix)


def _git(file: Path, *words: str) -> int:
    """git's exit code about a file; 128 where there is no git or no repository."""
    try:
        return subprocess.run(["git", *words, "--", file.name], cwd=file.parent, capture_output=True).returncode
    except OSError:
        return 128


def _without_quotes(problem: Problem) -> Problem:
    return replace(problem, what=_QUOTED.sub(_GLOSS, problem.what), fix=_QUOTED.sub(_GLOSS, problem.fix))


def _unknown(id_: str, known: set[str]) -> str:
    return did_you_mean(id_, sorted(known)) if known else f"write {short(id_)} into a list, or take it out"


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
    entry = source.tree.at(path[:2]) if path[:1] == ("concepts",) else None
    owner = f" of {entry.value['id']}" if entry is not None and "id" in entry.value and keys[-1:] != ["id"] else ""
    inside = keys[1:] if path[:1] == ("concepts",) else keys
    return f"{'a key in ' if is_key else ''}`{'.'.join(inside) or 'the file'}`{owner}"
