"""Reads JSON that a hand may have touched: a key that stands twice is refused, for readers differ in what they take."""

import json
from typing import Any


def strict_json(text: bytes) -> Any:
    """The value of a JSON text that says nothing twice.

    :raises ValueError: it is broken, holds a key twice, or NaN or infinity. :raises RecursionError: it is too deep.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if len({*keys}) < len(keys):
            raise ValueError(f"{next(key for key in keys if keys.count(key) > 1)!r} stands twice")
        return dict(pairs)

    def refuse(name: str) -> None:
        raise ValueError(f"{name} is no number of JSON")

    value = json.loads(text, object_pairs_hook=once, parse_constant=refuse)
    json.dumps(value, ensure_ascii=False).encode()  # half of a character is none, and could not be written again
    return value
