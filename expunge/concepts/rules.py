"""Rules for lists from outside the lists: what the base can read, and which methods and gates exist.

The rules come from packages that this package may not import. `expunge.plan.validate_lists` puts them together.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Tokenizer = Callable[[str], list[int] | None]  # text -> token ids, or None if the tokens cannot spell it
Mistake = tuple[str, str]  # (what is wrong, what to write instead)


@dataclass(frozen=True)
class Words:
    """What the base can read. Without a tokenizer (its files are not on this machine), lengths are not checked."""

    tokenizer: Tokenizer | None = None  # ids without start and end token
    max_tokens: int | None = None  # how many such ids the encoder's context holds
    templates: Mapping[str, Sequence[str]] = field(default_factory=dict)  # kind -> "a photo of {}"
    tested: Mapping[str, Sequence[str]] = field(default_factory=dict)  # kind -> those of evaluation


@dataclass(frozen=True)
class Rules:
    """All rules. The defaults check a list without a base, and allow any method and any gate of the right form."""

    words: Words = field(default_factory=Words)
    methods: tuple[str, ...] | None = None  # their names; None: not checked
    default_method: str | None = None  # the method of concepts that name none
    check_method: Callable[[str, Mapping[str, Any]], Sequence[Mistake]] | None = None  # (method, parameters)
    check_judge: Callable[[str], Sequence[Mistake]] | None = None  # (detector)
    check_gate: Callable[[str, str, str], Mistake | None] | None = None  # (modality, metric, threshold)
    gate_schema: Mapping[str, Any] | None = None  # see `schema.list_schema`
    gate_examples: Mapping[str, str] = field(default_factory=dict)  # {metric: how a gate names it}
