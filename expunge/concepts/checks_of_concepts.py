"""Mistakes within one concept: its date, its prompts, keys that its kind does not allow, its method and its gate."""

from collections.abc import Iterator

from expunge.concepts.checks_of_requests import time_problems
from expunge.concepts.kinds import KINDS
from expunge.concepts.rules import Rules
from expunge.concepts.source import ConceptNode, Source
from expunge.core.errors import Problem
from expunge.core.names import same
from expunge.core.schema import did_you_mean, short
from expunge.core.yamlfile import Node


def concept_problems(concept: ConceptNode, rules: Rules) -> Iterator[Problem]:
    """Every mistake within one concept."""
    yield from _request(concept)
    yield from _prompts(concept, rules)
    yield from _kind(concept)
    yield from _judge(concept, rules)
    yield from _paraphrases(concept)
    yield from gate_problems(concept.source, concept.node, rules)
    yield from _method(concept, rules)


def gate_problems(source: Source, node: Node, rules: Rules) -> Iterator[Problem]:
    """Thresholds of a list or a concept that make no sense. The schema has checked their form."""
    gate, check = node.value.get("gate"), rules.check_gate
    if check is None or not isinstance(gate, dict):
        return
    for modality, thresholds in gate.items():
        for metric, text in thresholds.items() if isinstance(thresholds, dict) else ():
            mistake = check(modality, metric, text) if isinstance(text, str) else None
            if mistake is not None:
                what, fix = mistake
                yield Problem(source.place(node.at(["gate", modality, metric])), f"`{metric}` {what}", fix)


def _request(concept: ConceptNode) -> Iterator[Problem]:
    request = concept.node.value.get("request")
    if isinstance(request, dict):
        yield from time_problems(request, lambda key: concept.place("request", key))
    decision = request.get("decision") if isinstance(request, dict) else None
    if not isinstance(decision, str):
        return
    from expunge.concepts.outcomes import (
        why_not_granted,
    )  # its many patterns take time, and most lists have no requests

    if why := why_not_granted(decision):
        fix = "take the concept out of the list (a refused request goes into requests/), or write what was decided"
        yield Problem(concept.place("request", "decision"), f"the request's decision {why}, and it is forgotten", fix)


def _prompts(concept: ConceptNode, rules: Rules) -> Iterator[Problem]:
    """Own prompts without the name, that are repeated, or that evaluation uses: those would be learnt by heart."""
    value = concept.node.value
    prompts, sense = value.get("prompts"), value.get("sense")
    if not isinstance(prompts, list):
        return
    forget = sense.get("forget") if isinstance(sense, dict) else None
    groups = [value.get("name")], value.get("aliases"), value.get("members"), forget
    lists = [words for words in groups if isinstance(words, list)]
    names = [name for words in lists for name in words if isinstance(name, str) and name]
    tested = {same(t.replace("{}", name)) for t in rules.words.tested.get(str(value.get("kind")), ()) for name in names}
    seen = set()
    for i, prompt in enumerate(prompts):
        if not isinstance(prompt, str) or not prompt.strip():
            continue
        where = concept.place("prompts", i)
        rest = prompt.replace("{}", "", 1)
        if "{" in rest or "}" in rest:
            what = f"the prompt {short(prompt)} has more braces than one {{}}"
            yield Problem(where, what, "write {} once, where the name goes")
        elif rest == prompt and not any(same(name) in same(prompt) for name in names):
            fix = 'write {} where the name goes: "a photo of {}"'
            yield Problem(where, f"the prompt {short(prompt)} does not contain the concept's name", fix)
        if same(prompt) in seen:
            yield Problem(where, f"the prompt {short(prompt)} is repeated", "keep one of them")
        if any(same(prompt.replace("{}", name)) in tested for name in names):
            what = f"the prompt {short(prompt)} is one that the base's evaluation uses"
            yield Problem(where, what, "write another one: what is trained on cannot test")
        seen.add(same(prompt))


def _kind(concept: ConceptNode) -> Iterator[Problem]:
    """Keys that the concept's kind does not allow."""
    name = concept.node.value.get("kind")
    kind = KINDS.get(name) if isinstance(name, str) else None
    if concept.node.value.get("paraphrases") is not None and (kind is None or not kind.retold):
        what = f"`paraphrases` are for memorised pictures, and this is of the kind {name}"
        yield Problem(concept.place("paraphrases"), what, "write aliases")
    if concept.node.value.get("parts") is not None and kind is not None and not kind.parts:
        what = f"`parts` are things in one picture, and this is of the kind {name}"
        yield Problem(concept.place("parts"), what, "take `parts` out")
    members = concept.node.value.get("members")
    if members is not None and kind is not None and not kind.members:
        fix = "write kind: category, or take `members` out"
        yield Problem(concept.place("members"), f"`members` belong to a category, and this is of the kind {name}", fix)
    if kind is not None and kind.members and members is None:
        fix = "write `members: [a rifle, a pistol]`: what belongs to it, each of which must go"
        yield Problem(concept.place("kind"), "a category names no members", fix)


def _judge(concept: ConceptNode, rules: Rules) -> Iterator[Problem]:
    """A detector that there is not, or of a kind that none can judge."""
    judge, name = concept.node.value.get("judge"), concept.node.value.get("kind")
    if not isinstance(judge, str):
        return
    where, kind = concept.place("judge"), KINDS.get(name) if isinstance(name, str) else None
    if kind is not None and not kind.members:
        fix = "write kind: category, or take `judge` out"
        yield Problem(where, f"a detector judges categories alone, and this is of the kind {name}", fix)
    elif rules.check_judge is not None:
        for what, fix in rules.check_judge(judge):
            yield Problem(where, what, fix)


def _paraphrases(concept: ConceptNode) -> Iterator[Problem]:
    paraphrases = concept.node.value.get("paraphrases")
    seen = {same(str(concept.node.value.get("name")))}
    for i, text in enumerate(paraphrases) if isinstance(paraphrases, list) else ():
        if not isinstance(text, str) or not text.strip():
            continue
        if same(text) in seen:
            what = f"the paraphrase {short(text)} repeats the name or another paraphrase"
            yield Problem(concept.place("paraphrases", i), what, "take it out")
        seen.add(same(text))


def _method(concept: ConceptNode, rules: Rules) -> Iterator[Problem]:
    method, parameters = concept.node.value.get("method"), concept.node.value.get("parameters")
    if isinstance(method, str) and rules.methods is not None and method not in rules.methods:
        fix = did_you_mean(method, list(rules.methods))
        yield Problem(concept.place("method"), f"there is no method {short(method)}", fix)
        return
    method = method if isinstance(method, str) else rules.default_method
    if rules.check_method is None or method is None or not isinstance(parameters, dict):
        return
    for name, value in parameters.items():
        for what, fix in rules.check_method(method, {name: value}):
            yield Problem(concept.place("parameters", name), what, fix)
