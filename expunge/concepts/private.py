"""The private file: the words of confidential concepts, which git ignores. The lists hold their ids.

    concepts/private/words.yaml
        salt: 4f0c...                                   64 random hex digits; codes and digests are made with them
        concepts:
          c-0417: {name: mira holt, aliases: [a woman with red hair], anchor: a teddy bear}

`merge` puts the words into the trees of the lists before anything else looks at them, so that all checks are the same.
"""

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from expunge.concepts.source import ConceptNode
from expunge.core.errors import InputError, Problem, shown
from expunge.core.schema import did_you_mean, short
from expunge.core.yamlfile import Node, read

PRIVATE = Path("private/words.yaml")  # below the folder of lists
WORDS = ("name", "aliases", "probes", "members", "anchor", "neighbours", "sense", "parts", "paraphrases", "prompts")
KEYS = (*WORDS, "request")  # that the private file may hold
OPEN = ("id", "kind", "confidential", "judge", "method", "parameters", "gate", "request")  # that the list may hold
SALT = re.compile(r"[0-9a-f]{64}")
QUOTED = re.compile(r"(?<!\w)(['\"]).*\1|\[.*\]|[&*!]\w\S*")  # what messages may repeat of a file
GLOSS = "[confidential]"


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
    return replace(problem, what=QUOTED.sub(GLOSS, problem.what), fix=QUOTED.sub(GLOSS, problem.fix))


def _unknown(id_: str, known: set[str]) -> str:
    return did_you_mean(id_, sorted(known)) if known else f"write {short(id_)} into a list, or take it out"
