"""The lists against the base that will forget them: what `expunge validate` and the stage plan both do first."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from expunge.concepts.lists import ConceptList, Words, load_lists
from expunge.core.errors import InputError, Problem
from expunge.methods import METHODS, check_parameters


def validate(
    folder: Path, base: str, bases: Path = Path("bases"), default_method: str | None = None
) -> tuple[list[ConceptList], list[str]]:
    """Load and check all lists of a folder, for a base by name. Imports no torch.

    :param default_method: the method of concepts that name none (unlearn.method in params.yaml).
    :returns: the lists, and notes about what could not be checked here.
    :raises InputError: with every problem of the base's file and of all lists.
    """
    words, notes, problems = base_words(base, bases)
    try:
        lists = load_lists(
            folder, words.tokenizer, words.max_tokens, words.templates, tuple(METHODS), check_parameters, default_method
        )
    except InputError as error:
        problems = problems + error.problems
    if problems:
        raise InputError(problems)
    return lists, notes


def base_words(base: str, bases: Path = Path("bases")) -> tuple[Words, list[str], list[Problem]]:
    """What a base can read: its tokenizer and templates, notes about what is not at hand, and problems of its file."""
    from expunge.bases.spec import load_spec
    from expunge.bases.tokenizer import light_tokenizer

    try:
        spec = load_spec(base, bases)
        templates, problems = read_templates(spec.prompts)
        light = light_tokenizer(spec)
    except InputError as error:
        return Words(), [], error.problems
    if light is None:
        note = f"{base}: its tokenizer is not on this machine, so the length and spelling of names went unchecked"
        return Words(templates=templates), [note], problems
    return Words(light[0], light[1], templates), [], problems


def read_templates(file: Path) -> tuple[dict[str, Sequence[str]], list[Problem]]:
    """Kind -> all templates of the base's prompts file, those for training (`fewshot`) and for renders (`eval`)."""
    from expunge.concepts.lists import shown
    from expunge.core.yamlfile import read

    if not file.is_file():
        return {}, [Problem(shown(file), "is missing", "put the base's prompt templates there")]
    tree, problems = read(file, shown(file))
    raw: Any = tree.value if tree is not None else {}
    templates: dict[str, list[str]] = {}
    for part in ("fewshot", "eval"):
        section = raw.get(part) if isinstance(raw, dict) else None
        for kind, texts in section.items() if isinstance(section, dict) else ():
            templates.setdefault(kind, []).extend(text for text in texts or () if isinstance(text, str))
    return dict(templates), problems
