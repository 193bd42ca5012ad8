"""The JSON Schema of concept lists."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from expunge.core.errors import Problem
from expunge.core.schema import schema_problems as problems_of
from expunge.core.schema import validator_of
from expunge.core.yamlfile import Node


@cache
def _validator() -> Any:
    return validator_of(json.loads(Path(__file__).with_name("schema.json").read_text("utf-8")))


def schema_problems(tree: Node, where: str) -> list[Problem]:
    """Everything in a list's tree that the schema refuses, each with its line."""
    return problems_of(tree, where, _validator())
