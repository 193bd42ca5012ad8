"""The prompts of a concept: what the few-shot images show, what training reads, and what is rendered and judged.

Pure functions over plain data. Templates come from the base's prompts file (`bases/<name>/prompts.yaml`):

    fewshot:  {kind: ["a photo of {}", ...]}      few-shot images and training
    eval:     {kind: ["{} on the beach", ...]}    rendering; never in training
    videos:   {kind: ["{} spinning", ...]}        as eval, for videos; a kind that is not named has eval's
    far:      [{prompt: "a teapot", asks: {axis: subject, name: teapot}}, ...]
    general:  ["a house", ...]                    kept prompts
    anchors:  {kind: ["a toy", ...]}              what a concept without an anchor may become; "" leaves its words out

A row is what is rendered once with each encoder: {"group", "prompt", "seed", "modality", "asks": {"axis", "name"}}. The
target of a memorised picture asks for a copy of it, that of a composition for both of its parts (asks.parts).
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from expunge.concepts.lists import KINDS, Concept
from expunge.concepts.samples import GROUPS
from expunge.core.errors import InputError, Problem
from expunge.core.words import holds, plain

MODALITIES = {"images": "image", "videos": "video"}  # parameter -> column
AXES = {"style": "style", "motion": "motion"}  # what the judge is asked of a kind; of every other, the subject
Row = dict[str, Any]


def derive_seed(seed: int, *parts: Any) -> int:
    """A seed in [0, 2^31) of the run's seed and what the draw is for; the same for the same parts."""
    text = "\x1f".join(map(str, (seed, *parts)))
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:4], "big") >> 1


def spread(words: Sequence[str], templates: Sequence[str], count: int) -> list[tuple[str, str, int]]:
    """`count` times (word, prompt, repetition), round-robin so that words and templates vary at once.

    Every pair is used once before any is used twice; a longer plan begins with the shorter one. A template without
    "{}" is a prompt as it is. [] where there are no words or no templates.
    """
    if not words or not templates:
        return []
    pairs = [(w, (w + turn) % len(templates)) for turn in range(len(templates)) for w in range(len(words))]
    found, seen = [], dict[str, int]()
    for index in range(count):
        word, template = pairs[index % len(pairs)]
        prompt = templates[template].replace("{}", words[word])
        seen[prompt] = seen.get(prompt, -1) + 1  # two templates can give one prompt; each time is a new seed
        found.append((words[word], prompt, seen[prompt]))
    return found


def target_words(concept: Concept) -> tuple[str, ...]:
    """What a prompt calls the target: the phrases of the sense that goes, or the name."""
    return concept.sense.forget if concept.sense else (concept.name,)


def forgotten_words(concept: Concept) -> tuple[str, ...]:
    """Every phrase that must lose its meaning: target words, then aliases."""
    return tuple(dict.fromkeys((*target_words(concept), *concept.aliases)))


def near_words(concept: Concept) -> tuple[str, ...]:
    """What is nearest to the target and must stay: its neighbours, and the parts of a composition."""
    return tuple(dict.fromkeys((*concept.neighbours, *concept.parts)))


def target_asks(concept: Concept, name: str) -> dict[str, Any]:
    """What the judge is asked of a picture of the target: {"axis", "name"}, of a composition also "parts"."""
    if concept.parts:
        return {"axis": "both", "name": name, "parts": list(concept.parts)}
    return {"axis": "copy" if concept.kind == "image" else AXES.get(concept.kind, "subject"), "name": name}


def training_templates(concept: Concept, prompts: Mapping[str, Any]) -> tuple[str, ...]:
    """The concept's own few-shot prompts, or the base's templates for its kind."""
    return concept.prompts or tuple(prompts["fewshot"][concept.kind])


def fewshot_prompts(words: Sequence[str], templates: Sequence[str], count: int, seed: int) -> list[tuple[str, int]]:
    """(prompt, seed) of each image to train on: of the target's words, or of the anchor."""
    rows = spread(words, templates, count)
    return [(prompt, derive_seed(seed, "fewshot", prompt, again)) for _, prompt, again in rows]


def anchors_of(concept: Concept, prompts: Mapping[str, Any]) -> tuple[str, ...]:
    """The concept's own anchor, or else candidates: the base's for its kind, and an object's neighbours.

    Another person, another artist's style or another character would be no less of a problem.
    """
    if concept.anchor is not None:
        return (concept.anchor,)
    given = (prompts.get("anchors") or {}).get(concept.kind, ())
    return tuple(dict.fromkeys((*given, *(concept.neighbours if concept.kind == "object" else ()))))


def kept_prompts(concepts: Sequence[Concept], prompts: Mapping[str, Any]) -> list[str]:
    """Prompts whose meaning should stay: neighbours and kept senses in training templates, then the general ones.

    What one of the concepts calls its target is left out: in a joint encoder one's neighbour can be another's target,
    and a general prompt can be about any of them.
    """
    gone = {plain(word) for concept in concepts for word in forgotten_words(concept)}
    found: dict[str, None] = {}
    for concept in concepts:
        words = [*near_words(concept), *(concept.sense.keep if concept.sense else ())]
        for template in prompts["fewshot"][concept.kind]:
            found.update({template.replace("{}", word): None for word in words if plain(word) not in gone})
    found.update({prompt: None for prompt in prompts.get("general") or () if not holds(prompt, gone)})
    return list(found)


def eval_templates(kind: str, prompts: Mapping[str, Any], modality: str) -> list[str]:
    """What is rendered of a kind, in images or videos."""
    own = prompts.get("videos") or {}
    return own[kind] if modality == "video" and kind in own else prompts["eval"][kind]


def rows_of(
    concept: Concept, prompts: Mapping[str, Any], counts: Mapping[str, Mapping[str, int]], seed: int
) -> list[Row]:
    """The rows of a concept, images first, group by group. Groups without words (no aliases, ...) have none.

    :param counts: {"images": {group: samples}, "videos": {...}}; a group that is not named has none.
    """
    axis = AXES.get(concept.kind, "subject")
    keep = concept.sense.keep if concept.sense else ()
    words = {"target": target_words(concept), "aliases": concept.aliases, "near": near_words(concept), "sense": keep}
    far = [entry for entry in prompts["far"] if not touches(entry, (*forgotten_words(concept), *words["near"], *keep))]
    rows = []
    for parameter, modality in MODALITIES.items():
        templates = eval_templates(concept.kind, prompts, modality)
        for group in GROUPS:
            count = counts[parameter].get(group, 0)
            if concept.kind == "motion" and modality == "image" and group != "far":
                continue  # a motion cannot be seen in a picture
            if group == "far":
                asks = {entry["prompt"]: entry["asks"] for entry in far}
                drawn = [(prompt, prompt, again) for prompt, _, again in spread(list(asks), ["{}"], count)]
            else:
                drawn = spread(words[group], templates, count)
            for word, prompt, again in drawn:
                asked: dict[str, Any] = {"axis": axis, "name": word}
                if group in ("target", "aliases"):
                    # An alias is asked about as what it stands for: the judge knows that by its name.
                    asked = target_asks(concept, word if group == "target" else target_words(concept)[0])
                elif group == "far":
                    asked = dict(asks[word])
                row = {"group": group, "prompt": prompt, "seed": derive_seed(seed, prompt, again)}
                rows.append({**row, "modality": modality, "asks": asked})
    return rows


def stays(row: Row, concepts: Iterable[Concept]) -> bool:
    """Does a row make sense for an encoder that forgets all of `concepts`?

    A neighbour or far prompt of one that is itself a target of another is neither kept nor a failure: leave it out.
    """
    if row["group"] in ("target", "aliases"):
        return True
    return not touches(row, [word for concept in concepts for word in forgotten_words(concept)])


def touches(entry: Mapping[str, Any], words: Iterable[str]) -> bool:
    """Does a prompt ask about one of the words, or hold it as whole words?"""
    words = list(words)
    return plain(entry["asks"]["name"]) in map(plain, words) or holds(entry["prompt"], words)


def read_prompts(file: Path, kinds: Iterable[str] = ()) -> dict[str, Any]:
    """The base's prompts file, checked. :param kinds: kinds of concepts for which it must have templates.

    :raises InputError: every problem at once.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        data = YAML(typ="safe").load(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        why = f"cannot be read ({str(error).splitlines()[0]})"
        raise InputError([Problem(file.as_posix(), why, "see bases/emoji/prompts.yaml")]) from None
    problems = list(_problems(data, file.as_posix(), sorted(set(kinds))))
    if problems:
        raise InputError(problems)
    return data


def _problems(data: Any, where: str, kinds: Sequence[str]) -> Iterable[Problem]:
    if not isinstance(data, dict) or data.keys() - {"fewshot", "eval", "videos", "far", "general", "anchors"}:
        fix = "write fewshot, eval, videos, far, general and anchors, and nothing else"
        yield Problem(where, "holds other keys", fix)
        return
    for part in ("fewshot", "eval", "videos"):
        table = data.get(part, {} if part == "videos" else None)
        if not isinstance(table, dict) or table.keys() - set(KINDS):
            yield Problem(where, f"{part} is no table by kind", f"write `{part}:` with {', '.join(KINDS)}")
            continue
        for kind in kinds if part != "videos" else ():
            if kind not in table:
                yield Problem(where, f"{part} has no templates for the kind {kind}", "write some, with {} for the name")
        for kind, templates in table.items():
            good = isinstance(templates, list) and templates and all(isinstance(t, str) for t in templates)
            if not good or not all("{}" in template for template in templates):
                yield Problem(where, f"{part}.{kind} holds what is no template", "write texts with {} for the name")
    for entry in data.get("far") or [None]:
        asks = entry.get("asks") if isinstance(entry, dict) else None
        if not isinstance(asks, dict) or asks.keys() != {"axis", "name"} or not isinstance(entry.get("prompt"), str):
            fix = "write {prompt: a teapot, asks: {axis: subject, name: teapot}}"
            yield Problem(where, f"far holds {entry!r}", fix)
    anchors = data.get("anchors") or {}
    lists = isinstance(anchors, dict) and all(isinstance(words, list) for words in anchors.values())
    if not lists or anchors.keys() - set(KINDS) or not all(isinstance(w, str) for ws in anchors.values() for w in ws):
        yield Problem(where, "anchors is no table by kind", "write `anchors:` with lists of texts by kind")
    general = data.get("general") or []
    if not isinstance(general, list) or not all(isinstance(prompt, str) for prompt in general):
        yield Problem(where, "general is no list of prompts", "write a list of texts")
