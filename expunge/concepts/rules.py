"""What decides about a list besides the list itself: what the base can read, which methods and which gates there are.

The rules come from rooms above this one; `expunge.plan.validate_lists` puts them together.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Tokenizer = Callable[[str], list[int] | None]  # text -> token ids, None where it cannot be spelled
Mistake = tuple[str, str]  # (what is wrong, what to write instead)


@dataclass(frozen=True)
class Words:
    """What the base can read. Without a tokenizer (its files are not on this machine) lengths go unchecked."""

    tokenizer: Tokenizer | None = None  # ids without start and end token
    max_tokens: int | None = None  # how many such ids the encoder's context holds
    templates: Mapping[str, Sequence[str]] = field(default_factory=dict)  # kind -> "a photo of {}"


@dataclass(frozen=True)
class Rules:
    """With the defaults a list is checked by itself: no base, any method, any gate that has the right form."""

    words: Words = field(default_factory=Words)
    methods: tuple[str, ...] | None = None  # their names; None: not checked
    default_method: str | None = None  # of concepts that name none
    check_method: Callable[[str, Mapping[str, Any]], Sequence[Mistake]] | None = None  # (method, parameters)
    check_gate: Callable[[str, str, str], Mistake | None] | None = None  # (modality, metric, threshold)
    gate_schema: Mapping[str, Any] | None = None  # see `schema.list_schema`
