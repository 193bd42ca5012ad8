"""What may not be shown of a confidential concept: whatever would name it, to whoever reads a table or a page."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from expunge.concepts.concept import Concept
from expunge.core.unit_names import Name


def confidential_words(concepts: Iterable[Concept]) -> tuple[str, ...]:
    """Lower-case names and aliases of the confidential ones among the concepts, sorted."""
    hidden = [concept for concept in concepts if concept.confidential]
    return tuple(sorted({word.casefold() for concept in hidden for word in (concept.name, *concept.aliases) if word}))


def names_confidential(texts: Iterable[str], words: Sequence[str]) -> bool:
    """Does one of the texts hold one of the words as whole words? :param words: `confidential_words`."""
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text.casefold()) for text in texts for word in words)


def is_withheld(concept: Concept | None, group: str, texts: Iterable[str], words: Sequence[str]) -> bool:
    """Would showing a sample of a concept name a confidential one? All but the far prompts of a confidential one do.

    :param concept: None: one that is no longer on any list. :param group: one of samples.GROUPS.
    :param words: `confidential_words` of all concepts.
    """
    hidden = concept is not None and concept.confidential and group != "far"
    return hidden or names_confidential(texts, words)


def redact(rows: Iterable[dict[str, Any]], concepts: Mapping[str, Concept]) -> list[dict[str, Any]]:
    """Rows of measurements with prompt and asked name emptied where they would name a confidential concept.

    :param rows: with list, concept, group, prompt and asked (`judging.table`). :param concepts: by "list/id".
    """
    words = confidential_words(concepts.values())
    result = []
    for row in rows:
        concept = concepts.get(str(Name(row["list"], row["concept"])))
        hide = is_withheld(concept, row["group"], (row["prompt"], row["asked"]), words)
        result.append({**row, "prompt": "", "asked": ""} if hide else row)
    return result
