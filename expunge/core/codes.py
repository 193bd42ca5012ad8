"""What stands in the place of a text that may not be published (`expunge.concepts.confidential` makes it)."""

import re
from collections.abc import Mapping
from typing import Any

CODE = re.compile(r"\[confidential [0-9a-f]{16}\]")


def is_open(*texts: str) -> bool:
    """Does no text hold a code?"""
    return not any(CODE.search(text) for text in texts)


def opened(value: Any, codes: Mapping[str, str]) -> Any:
    """Plain data with the words in place of their codes. :param codes: {code: text}; unknown codes stay."""
    if not codes:
        return value
    if isinstance(value, str):
        return codes.get(value, value)
    if isinstance(value, list | tuple):
        return [opened(each, codes) for each in value]
    if isinstance(value, Mapping):
        return {codes.get(key, key): opened(each, codes) for key, each in value.items()}
    return value
