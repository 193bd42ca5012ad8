"""Reads a YAML file into plain data in which every value knows its line. All YAML that people write is read here.

Nodes are made from libyaml's events rather than by ruamel's constructors. So anchors, tags, duplicate keys and depth
are all seen with their line, nothing is ever expanded or constructed, and reading is fast.
Plain scalars follow the core schema of YAML 1.2, so a date stays text and 1e-5 is a number. The words yes, no, on and
off, which YAML 1.1 takes for booleans, become booleans, so that they are refused where text is wanted.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from expunge.core.errors import InputError, Problem
from expunge.core.names import bad_character

MOST_LINES = 100  # reported lines with stray characters; a binary file has thousands
_CONSTANTS = {"": None, "~": None, "null": None, "true": True, "false": False}
_OLD_BOOLEANS = {"yes": True, "no": False, "on": True, "off": False}
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]{1,400}|[0-9]{1,400}(\.[0-9]{0,400})?)([eE][-+]?[0-9]{1,5})?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
Report = Callable[[int, str, str], None]  # line, what, fix


@dataclass(frozen=True)
class Limits:
    """The largest file that is read. 1,700 concepts with everything written out are 1 MB and 45,000 values."""

    size: int = 4 * 2**20  # bytes
    values: int = 100_000  # keys, values and collections
    levels: int = 12  # of nesting; a list of concepts has 5


DEFAULT_LIMITS = Limits()


@dataclass(slots=True)
class Node:
    """A value of the file: plain data, the line (from 1) on which it or its key begins, its text, its children."""

    value: Any
    line: int
    text: str = ""  # scalars: as written, without quotes
    children: Any = None  # dict[str, Node] | list[Node] | None
    where: str = ""  # the file that it comes from, where that is another than the tree's

    def at(self, path: Any) -> "Node":
        """The node at a path of keys and indices, or the last one on the way that is there."""
        node = self
        for key in path:
            try:
                node = node.children[key]
            except (KeyError, IndexError, TypeError):
                break
        return node


def load(path: Path, where: str | None = None, limits: Limits = DEFAULT_LIMITS) -> Node:
    """The tree of a file that must be there and be plain YAML.

    :param where: what the file is called in problems; by default its path.
    :raises InputError: everything that is wrong with it as YAML, or it is empty.
    """
    name = where or path.as_posix()
    tree, problems = read(path, name, limits)
    if tree is None and not problems:
        problems = [Problem(f"{name}:1", "the file is empty", "write it anew, or take it from git")]
    if problems or tree is None:
        raise InputError(problems)
    return tree


def load_text(text: str, where: str, limits: Limits = DEFAULT_LIMITS) -> Node | None:
    """The tree of a text that must be plain YAML; None if it holds no value.

    :raises InputError: everything that is wrong with it as YAML.
    """
    problems: list[Problem] = []
    tree = _tree(text, where, limits, problems)
    if problems:
        raise InputError(problems)
    return tree


def read(path: Path, where: str, limits: Limits = DEFAULT_LIMITS) -> tuple[Node | None, list[Problem]]:
    """The tree of a file, None where it holds no value, and everything wrong with it as YAML.

    :param where: what the file is called in problems, such as "concepts/people.yaml".
    """
    text, problem = _decode(path, where, limits)
    if problem is not None:
        return None, [problem]
    problems: list[Problem] = []
    unreadable = False  # libyaml stops at a control character
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        bad = bad_character(line)
        if bad is not None:
            what = f"holds {bad[1]} in column {bad[0] + 1}"
            problems.append(Problem(f"{where}:{number}", what, "delete it and type the text again"))
            unreadable = unreadable or "control character" in bad[1] or "no character" in bad[1]
            if len(problems) == MOST_LINES:
                return None, problems
    return (None if unreadable else _tree(text, where, limits, problems)), problems


def _decode(path: Path, where: str, limits: Limits) -> tuple[str, Problem | None]:
    try:
        size = path.stat().st_size
        if size > limits.size:
            return "", Problem(f"{where}:1", f"is {_size(size)} and at most {_size(limits.size)} are read", "split it")
        raw = path.read_bytes()
    except FileNotFoundError:
        return "", Problem(where, "is missing", "write it, or take it from git")
    except OSError as error:
        what = f"cannot be read ({error.strerror or error})"
        return "", Problem(where, what, "make it a readable file, or remove it")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or (len(raw) > 3 and raw[:4].count(0) >= 2):
        return "", Problem(f"{where}:1", "is written in UTF-16 or UTF-32", "save it as UTF-8 without a byte order mark")
    if raw.startswith(b"\xef\xbb\xbf"):
        return "", Problem(f"{where}:1", "begins with a byte order mark", "save it as UTF-8 without a byte order mark")
    try:
        return raw.decode("utf-8"), None
    except UnicodeDecodeError as error:
        line = len(re.split(rb"\r\n|\r|\n", raw[: error.start]))
        what = f"is not UTF-8 (byte 0x{raw[error.start]:02x}; Latin-1 or Windows-1252?)"
        return "", Problem(f"{where}:{line}", what, "save it as UTF-8")


def _size(count: int) -> str:
    units = ((2**20, "MiB"), (2**10, "KiB"))
    return next((f"{count / unit:.1f} {name}" for unit, name in units if count >= unit), f"{count} bytes")


def _tree(text: str, where: str, limits: Limits, problems: list[Problem]) -> Node | None:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    def report(line: int, what: str, fix: str) -> None:
        problems.append(Problem(f"{where}:{line}", what, fix))

    try:
        return _build(YAML(typ="safe").parse(text), limits, report)
    except MarkedYAMLError as error:
        context = str(error.context or "")
        opened = "quoted scalar" in context or "flow" in context  # then say where it was opened
        mark = (opened and error.context_mark) or error.problem_mark or error.context_mark
        what, fix = _say(str(error.problem or ""), context, _character(text, error.problem_mark))
        last = len(text.splitlines()) or 1
        report(min(mark.line + 1, last) if mark is not None else 1, what, fix)
    except (YAMLError, ValueError, RecursionError) as error:
        report(1, f"is not YAML ({str(error).splitlines()[0]})", "write plain YAML")
    return None


def _build(events: Iterator[Any], limits: Limits, report: Report) -> Node | None:
    """Nodes from events, in one loop: `open_` holds the collections we are in, with the key that waits for a value."""
    root: Node | None = None
    documents = 0
    open_: list[tuple[Node, list[tuple[str, int] | None]]] = []
    for count, event in enumerate(events):
        if count > limits.values:
            report(event.start_mark.line + 1, f"has more than {limits.values:,} values", "split it")
            return None
        kind = type(event).__name__
        if kind == "DocumentStartEvent":
            documents += 1
            if documents == 2:
                report(event.start_mark.line + 1, "begins a second document", "put it into its own file")
                return root
            continue
        if kind in ("SequenceEndEvent", "MappingEndEvent"):
            open_.pop()
            continue
        if kind not in ("ScalarEvent", "SequenceStartEvent", "MappingStartEvent", "AliasEvent"):
            continue
        node = _node_of(event, kind, report)
        if not open_:
            root = node
        else:
            _put(open_[-1], node, report)
        if node.children is not None:
            if len(open_) >= limits.levels:
                report(node.line, f"is more than {limits.levels} levels deep", "write it with fewer levels")
                return None
            open_.append((node, [None]))
    return root


def _node_of(event: Any, kind: str, report: Report) -> Node:
    """The node that an event begins; what YAML has beyond plain data is reported. :param kind: the event's class."""
    line = event.start_mark.line + 1
    if kind == "AliasEvent":
        report(line, f"uses the YAML alias *{event.anchor}", "write the value out")
        return Node("", line)
    if event.anchor is not None:
        report(line, f"sets the YAML anchor &{event.anchor}", "take it out and write the values out")
    tag = getattr(event.tag, "trval", event.tag)  # a class or a string, depending on the version of ruamel
    if tag not in (None, "!"):
        tag = str(tag).replace("tag:yaml.org,2002:", "!!")
        report(line, f"uses the YAML tag {tag}", "take it out: only text, numbers, true and false are read")
    if kind == "ScalarEvent":
        plain = event.implicit[0] and event.style in (None, "")
        return Node(plain_value(event.value) if plain else event.value, line, event.value)
    return Node([], line, children=[]) if kind == "SequenceStartEvent" else Node({}, line, children={})


def _put(into: tuple[Node, list[tuple[str, int] | None]], node: Node, report: Report) -> None:
    """Put a node into the collection we are in: an item, a key that waits, or the value of the key that waits."""
    parent, waits = into
    if isinstance(parent.children, list):
        parent.children.append(node)
        parent.value.append(node.value)
        return
    if waits[0] is None:
        if node.children is not None or not isinstance(node.value, str) or node.value == "":
            key_text = node.text or "a list or a mapping"
            report(node.line, f"has {key_text!r} for a key", "write a key of plain text")
        waits[0] = (node.text or f"?{len(parent.children)}", node.line)
        return
    key, line = waits[0]
    waits[0] = None
    if key in parent.children:
        first = parent.children[key].line
        report(line, f"has the key {key!r} a second time (first on line {first})", "keep one of them")
        return
    if node.children is not None or not node.text:
        node.line = line  # the line of a collection or of a missing value is that of its key
    parent.children[key] = node
    parent.value[key] = node.value


def plain_value(text: str) -> Any:
    """What an unquoted text means: None, a boolean, a number, or the text itself."""
    if text.lower() in _OLD_BOOLEANS:
        return _OLD_BOOLEANS[text.lower()]
    if text.lower() in _CONSTANTS:
        return _CONSTANTS[text.lower()]
    if text[0] in "+-.0123456789":
        if _INTEGER.fullmatch(text):
            return int(text)
        if _NUMBER.fullmatch(text) or _NOT_FINITE.fullmatch(text):
            return float(text.replace(".inf", "inf").replace(".nan", "nan") if "." in text[:2] else text)
    return text


def _character(text: str, mark: Any) -> str:
    """The character at which libyaml stopped; "" at the end of a line."""
    lines = re.split(r"\r\n|\r|\n", text)
    return lines[mark.line][mark.column : mark.column + 1] if mark is not None and mark.line < len(lines) else ""


def _say(problem: str, context: str, character: str = "") -> tuple[str, str]:
    """(what, fix) in our words for an error of libyaml. :param character: the one at which it stopped."""
    both = f"{context} {problem}".strip()
    if "mapping values are not allowed" in problem:
        return "has a colon too many, or is indented too far", 'quote text with a colon: `name: "a: b"`, or line it up'
    if "cannot start any token" in problem or "tab" in problem:
        if character == "\t":
            return "has a tab where a value or the indentation begins", "indent with blanks"
        return f"has text that begins with {character or 'a stray sign'}", "put it in quotes"
    if "block scalar" in both:
        return "has text that begins with > or |", "put it in quotes"
    if "block mapping" in both or "block collection" in both or "block sequence" in both or "block end" in both:
        return "does not line up with the lines above", "give all keys of one mapping the same indentation"
    if "expected ':'" in both or "simple key" in both:
        return "is no `key: value`", "write a colon and a blank after the key"
    if "quoted scalar" in both:
        return "has a quote that is never closed or holds a stray backslash", "close it, and write \\\\ for a backslash"
    if "flow sequence" in both or "flow mapping" in both or "flow" in both:
        return "has a bracket that is not closed or a comma too few", "write [one, two] with every bracket closed"
    if "undefined alias" in both or "anchor" in both or "alias" in both:
        return "has text that begins with & or *", "put it in quotes"
    if "tag" in both:
        return "has text that begins with !", "put it in quotes"
    return f"is not YAML ({both})", "write plain YAML, quoting text that holds : # [ ] { } & * ! | > ' \" % @ `"
