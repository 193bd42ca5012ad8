"""What may not be shown of a confidential concept: whatever would name it, to whoever reads a table or a page."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def confidential_words(concepts: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Lower-case names and aliases of the confidential concepts of a plan, {"list/concept": entry}."""
    hidden = [entry for entry in concepts.values() if entry.get("confidential")]
    return tuple(sorted({w.casefold() for e in hidden for w in (e["name"], *e.get("aliases", ())) if w}))


def is_withheld(concept: Mapping[str, Any], group: str, texts: Iterable[str], words: Sequence[str]) -> bool:
    """Would showing a sample name a confidential concept? All but the far prompts of such a concept do."""
    if concept.get("confidential") and group != "far":
        return True
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text.casefold()) for text in texts for word in words)


def redact(rows: Iterable[dict[str, Any]], concepts: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows with prompt and asked name emptied where they would name a confidential concept."""
    words = confidential_words(concepts)
    result = []
    for row in rows:
        concept = concepts.get(f"{row['list']}/{row['concept']}", {})
        hide = is_withheld(concept, row["group"], (row["prompt"], row["asked"]), words)
        result.append({**row, "prompt": "", "asked": ""} if hide else row)
    return result
