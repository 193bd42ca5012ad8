"""A base's tokenizer without torch, so that `expunge validate` can count the tokens of names."""

import re
from collections.abc import Callable

from expunge.bases.check_additions import vectors_of
from expunge.bases.hub import find_tokenizer
from expunge.bases.spec import Spec


def light_tokenizer(spec: Spec) -> tuple[Callable[[str], list[int] | None], int] | None:
    """The base's tokenizer: (text -> ids, or None if it cannot spell the text; the most ids that fit).

    The ids have no start and end token. The most ids that fit is the length of the context without these.

    :returns: None where the tokenizer's files are not on this machine, or not all of them.
    """
    folder = find_tokenizer(spec)
    read = spec.family.light_tokenizer(folder) if folder is not None else None
    if read is None or not spec.inversions:
        return read[:2] if read is not None else None
    ids, longest, size = read
    inversions = {each.token: vectors_of(each) for each in spec.inversions}

    def ids_with_inversions(text: str) -> list[int] | None:
        """As `ids`; each vector of a textual inversion is a token behind the vocabulary."""
        found: list[int] = []
        for piece in re.split(f"({'|'.join(map(re.escape, inversions))})", text):
            own = [size] * inversions[piece] if piece in inversions else ids(piece) if piece.strip() else []
            if own is None:
                return None
            found += own
        return found or None

    return ids_with_inversions, longest
