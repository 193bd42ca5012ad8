"""What the schema cannot say: mistakes within a concept, between concepts, between lists, and against the base.

All of it works on the trees of the files, tolerates what the schema has refused, and never stops at the first mistake.
A phrase is forgotten (a name, an alias, a sense's `forget`) or kept (a neighbour, a sense's `keep`), never both.
"""

import datetime
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from expunge.concepts.phrases import Phrase, phrases_of
from expunge.concepts.spelling import spelling_problems
from expunge.core.errors import Problem
from expunge.core.names import bad_character, id_problem, same
from expunge.core.schema import did_you_mean, short
from expunge.metrics.thresholds import FORM, metrics_of, wrong_threshold

if TYPE_CHECKING:
    from expunge.concepts.lists import Source, Words
    from expunge.core.yamlfile import Node

_KEYS = {"neighbour": "neighbours", "part": "parts"}
Found = Iterator[tuple[str, str, str]]  # where, what, fix
CheckMethod = Callable[[str, Mapping[str, Any]], list[tuple[str, str]]]


def cross_problems(
    sources: Sequence["Source"],
    words: "Words",
    methods: Sequence[str] | None,
    check_method: CheckMethod | None,
    default_method: str | None,
) -> list[Problem]:
    """Every mistake that is left to find in the files' trees. Arguments: as of `lists.load_lists`."""
    found: list[tuple[str, str, str]] = []
    entries: list[tuple[Source, Node, str]] = []
    for source in sources:
        concepts = source.tree.at(["concepts"]).children if "concepts" in source.tree.value else None
        nodes = [node for node in concepts if isinstance(node.value, dict)] if isinstance(concepts, list) else []
        entries += [(source, node, str(node.value.get("id", f"line {node.line}"))) for node in nodes]
        found += _texts(source)
        found += _gate(source, source.tree)
        found += _groups(source, [node.value.get("id") for node in nodes])
    phrases = [p for i, (source, node, label) in enumerate(entries) for p in phrases_of(source, node, label, i)]
    found += _ids(entries)
    found += _names(phrases)
    found += _kept(phrases)
    found += _anchors(entries, phrases)
    for source, node, _ in entries:
        found += _request(source, node)
        found += _prompts(source, node)
        found += _paraphrases(source, node)
        found += _gate(source, node)
        found += _method(source, node, methods, check_method, default_method)
    found += spelling_problems(entries, words)
    return [Problem(*item) for item in found]


def _texts(source: "Source") -> Found:
    """Characters that came in by an escape, and texts of blanks; the file itself has been searched by its lines."""
    lines = re.split(r"\r\n|\r|\n", source.path.read_text("utf-8"))
    reported = {number for number, line in enumerate(lines, 1) if bad_character(line)}
    stack = [source.tree]
    while stack:
        node = stack.pop()
        if node.children is not None:
            stack += node.children.values() if isinstance(node.children, dict) else node.children
            continue
        where = f"{source.where}:{node.line}"
        if isinstance(node.value, float) and not math.isfinite(node.value):
            yield where, f"{node.text} is no finite number", "write a finite number"
        if not isinstance(node.value, str) or not node.value:
            continue
        bad = bad_character(node.value)
        if not node.value.strip():
            yield where, "a text holds nothing but blanks", "write words, or take the line out"
        elif bad is not None and node.line not in reported:
            yield where, f"{short(node.value)} holds {bad[1]}", "take it out"
        elif "\n" in node.value.strip() or "\t" in node.value:
            yield where, f"{short(node.value)} has a line break or a tab in it", "write it on one line"
        elif node.value != node.value.strip():
            yield where, f"{short(node.value)} begins or ends with a blank", f"write {short(node.value.strip())}"


def _groups(source: "Source", ids: list[Any]) -> Found:
    tree = source.tree
    encoders = tree.value.get("encoders", "single")
    node = tree.at(["encoders"])
    if not isinstance(encoders, dict):
        joint = encoders == "joint" or (isinstance(encoders, list) and "joint" in encoders)
        if joint and "joint" in ids:
            yield f"{source.where}:{node.line}", "the joint encoder and a concept are both called joint", "name a group"
        return
    groups = encoders.get("joint")
    if encoders.get("single") is False and not groups:
        yield f"{source.where}:{node.line}", "`encoders` trains nothing", "write single: true, or name a joint group"
    for name, members in groups.items() if isinstance(groups, dict) else ():
        at = node.at(["joint", name])
        if "\n" in name:  # which the schema's $ lets through at the end
            yield f"{source.where}:{at.line}", f"the group {short(name)} has a line break", "write it on one line"
        if name in ids:
            yield f"{source.where}:{at.line}", f"the group {name} is called like a concept", f"write {name}-group"
        seen = set()
        for i, member in enumerate(members) if isinstance(members, list) else ():
            where = f"{source.where}:{at.at([i]).line}"
            if not isinstance(member, str) or id_problem(member):
                continue  # the schema's
            if member not in ids:
                known = [i for i in ids if isinstance(i, str)]
                fix = did_you_mean(member, known) if len(known) <= 20 else did_you_mean(member, known)[:200]
                yield where, f"the group {name} names {short(member)}, which is no concept of this list", fix
            elif member in seen:
                yield where, f"the group {name} names {member} twice", "keep one of them"
            seen.add(member)


def _ids(entries: Sequence[tuple["Source", "Node", str]]) -> Found:
    first: dict[str, str] = {}
    for source, node, _ in entries:
        value = node.value.get("id")
        if not isinstance(value, str) or not value:
            continue
        where = f"{source.where}:{node.at(['id']).line}"
        if value.lower() in first:
            what = f"the id {short(value)} is taken ({first[value.lower()]})"
            yield where, what, "write another id, unique in all lists"
        first.setdefault(value.lower(), where)


def _names(phrases: Sequence[Phrase]) -> Found:
    """Names and aliases are unique in all lists; within one concept no list of phrases repeats itself."""
    first: dict[str, Phrase] = {}
    within: dict[tuple[int, str, str], Phrase] = {}
    for phrase in sorted(phrases, key=lambda p: p.role != "name"):  # a name keeps its place before an alias
        if phrase.role not in ("name", "alias"):
            before = within.setdefault((phrase.owner, phrase.role, phrase.key), phrase)
            if before is not phrase:
                yield phrase.where, f"the {phrase.role} {short(phrase.text)} stands here twice", "keep one of them"
            continue
        before = first.setdefault(phrase.key, phrase)
        if before is phrase:
            continue
        what = f"the {phrase.role} {short(phrase.text)} is already the {before.role} of {before.label} ({before.where})"
        fix = "merge the two concepts, or write a name of its own" if phrase.role == "name" else "take it out"
        yield phrase.where, what, fix


def _kept(phrases: Sequence[Phrase]) -> Found:
    """Nothing is to be forgotten and kept at once, in one list or in two; a composition's parts are kept."""
    gone: dict[str, list[Phrase]] = {}
    for phrase in phrases:
        if phrase.role in ("name", "alias", "sense.forget"):
            gone.setdefault(phrase.key, []).append(phrase)
    for phrase in phrases:
        if phrase.role not in ("neighbour", "sense.keep", "part"):
            continue
        text = short(phrase.text)
        own = next((p for p in gone.get(phrase.key, []) if p.owner == phrase.owner), None)
        if own is not None and own.role == "sense.forget":
            what = f"{text} is to be forgotten (sense.forget) and kept ({phrase.role})"
            yield phrase.where, what, "write it in one of them"
        elif own is not None:
            what = f"{text} is the {phrase.role} of {phrase.label} and its own {own.role}"
            yield phrase.where, what, f"take it out of {_KEYS.get(phrase.role, phrase.role)}"
        other = next((p for p in gone.get(phrase.key, []) if p.owner != phrase.owner), None)
        if other is not None:
            what = f"{text} must survive {phrase.label} ({phrase.role}), but is the {other.role} of {other.label}"
            yield phrase.where, f"{what} ({other.where})", "take it out here, or there"


def _anchors(entries: Sequence[tuple["Source", "Node", str]], phrases: Sequence[Phrase]) -> Found:
    gone = {p.key: p for p in reversed(phrases) if p.role in ("name", "alias", "sense.forget")}
    for source, node, _ in entries:
        anchor = node.value.get("anchor")
        if isinstance(anchor, str) and same(anchor) in gone:
            taken = gone[same(anchor)]
            what = f"the anchor {short(anchor)} is itself forgotten, as the {taken.role} of {taken.label}"
            yield f"{source.where}:{node.at(['anchor']).line}", what, "write something that stays, such as a wider word"


def _request(source: "Source", concept: "Node") -> Found:
    request = concept.value.get("request")
    received = request.get("received") if isinstance(request, dict) else None
    if not isinstance(received, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", received, re.ASCII):
        return
    try:
        datetime.date.fromisoformat(received)
    except ValueError:
        where = f"{source.where}:{concept.at(['request', 'received']).line}"
        yield where, f"{received} is no day of the calendar", "write year-month-day, such as 2026-01-31"


def _prompts(source: "Source", concept: "Node") -> Found:
    value, prompts = concept.value, concept.value.get("prompts")
    sense = value.get("sense")
    forget = sense.get("forget") if isinstance(sense, dict) else None
    names = [value.get("name"), *(value.get("aliases") or []), *(forget or [])] if isinstance(prompts, list) else []
    seen = set()
    for i, prompt in enumerate(prompts) if isinstance(prompts, list) else ():
        if not isinstance(prompt, str) or not prompt.strip():
            continue
        where = f"{source.where}:{concept.at(['prompts', i]).line}"
        rest = prompt.replace("{}", "", 1)
        if "{" in rest or "}" in rest:
            what = f"the prompt {short(prompt)} has more braces than one {{}}"
            yield where, what, "write {} once, where the name goes"
        elif rest == prompt and not any(isinstance(n, str) and n and same(n) in same(prompt) for n in names):
            yield where, f"the prompt {short(prompt)} lacks the name", 'write {} where the name goes: "a photo of {}"'
        if same(prompt) in seen:
            yield where, f"the prompt {short(prompt)} stands here twice", "keep one of them"
        seen.add(same(prompt))


def _paraphrases(source: "Source", concept: "Node") -> Found:
    kind, paraphrases = concept.value.get("kind"), concept.value.get("paraphrases")
    if paraphrases is not None and kind != "image":
        where = f"{source.where}:{concept.at(['paraphrases']).line}"
        yield where, f"`paraphrases` are for memorised pictures, and this is of the kind {kind}", "write aliases"
    if concept.value.get("parts") is not None and kind in ("style", "motion", "image"):
        where = f"{source.where}:{concept.at(['parts']).line}"
        yield where, f"`parts` are things in one picture, and this is of the kind {kind}", "take `parts` out"
    seen = {same(str(concept.value.get("name")))}
    for i, text in enumerate(paraphrases) if isinstance(paraphrases, list) else ():
        if not isinstance(text, str) or not text.strip():
            continue
        if same(text) in seen:
            where = f"{source.where}:{concept.at(['paraphrases', i]).line}"
            yield where, f"the paraphrase {short(text)} is the name, or stands here twice", "take it out"
        seen.add(same(text))


def _gate(source: "Source", node: "Node") -> Found:
    """Thresholds that are well written, which the schema sees, and make no sense for their metric."""
    gate = node.value.get("gate")
    for modality, table in gate.items() if isinstance(gate, dict) else ():
        known = metrics_of(modality) if isinstance(table, dict) else ()
        for metric, text in table.items() if known else ():
            wrong = wrong_threshold(metric, text) if metric in known and isinstance(text, str) else None
            if wrong is not None and wrong[1] != FORM:
                what, fix = wrong
                yield f"{source.where}:{node.at(['gate', modality, metric]).line}", f"`{metric}` {what}", fix


def _method(
    source: "Source", concept: "Node", methods: Sequence[str] | None, check: CheckMethod | None, default: str | None
) -> Found:
    method, parameters = concept.value.get("method"), concept.value.get("parameters")
    parameters = parameters if isinstance(parameters, dict) else {}
    if isinstance(method, str) and methods is not None and method not in methods:
        where = f"{source.where}:{concept.at(['method']).line}"
        yield where, f"there is no method {short(method)}", did_you_mean(method, list(methods))
        return
    used = method if isinstance(method, str) else default
    if check is None or used is None:
        return
    for name, value in parameters.items():
        for what, fix in check(used, {name: value}):
            yield f"{source.where}:{concept.at(['parameters', name]).line}", what, fix
