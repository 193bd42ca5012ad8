"""Finds and hides the texts in tables and pages that would name a confidential concept."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from expunge.concepts.concept import Concept
from expunge.core.unit_names import Name


def confidential_words(concepts: Iterable[Concept]) -> tuple[str, ...]:
    """The names, aliases, probes and members of the confidential concepts, in lower case, sorted."""
    hidden = [concept for concept in concepts if concept.confidential]
    words = ((c.name, *c.aliases, *c.probes, *c.members) for c in hidden)
    return tuple(sorted({word.casefold() for own in words for word in own if word}))


def names_confidential(texts: Iterable[str], words: Sequence[str]) -> bool:
    """Does one of the texts hold one of the words as whole words? :param words: `confidential_words`."""
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text.casefold()) for text in texts for word in words)


def is_withheld(concept: Concept | None, group: str, texts: Iterable[str], words: Sequence[str]) -> bool:
    """Would a sample of a concept name a confidential concept if it were shown?

    All samples of a confidential concept would, except those of the group "far". Any other sample would if its texts
    hold one of the words.

    :param concept: None: it is no longer on any list. :param group: one of samples.GROUPS.
    :param words: `confidential_words` of all concepts.
    """
    hidden = concept is not None and concept.confidential and group != "far"
    return hidden or names_confidential(texts, words)


def redact(rows: Iterable[dict[str, Any]], concepts: Mapping[str, Concept]) -> list[dict[str, Any]]:
    """Rows of measurements. Prompt and asked name are empty in rows that would name a confidential concept.

    :param rows: with the keys list, concept, group, prompt and asked (`judging.table`). :param concepts: by "list/id".
    """
    words = confidential_words(concepts.values())
    result = []
    for row in rows:
        concept = concepts.get(str(Name(row["list"], row["concept"])))
        hide = is_withheld(concept, row["group"], (row["prompt"], row["asked"]), words)
        result.append({**row, "prompt": "", "asked": ""} if hide else row)
    return result
