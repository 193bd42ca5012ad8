"""What a schema refuses, in words that fit any file."""

from pathlib import Path
from typing import Any

import pytest

from expunge.core.schema import schema_problems, validator_of
from expunge.core.yamlfile import load

PLACE: dict[str, Any] = {
    "type": "object", "additionalProperties": False, "description": "{path: folder} or {repo, revision}",
    "properties": {"path": {"type": "string"}, "repo": {"type": "string"}, "revision": {"type": ["string", "null"]}},
    "dependentRequired": {"repo": ["revision"]}, "not": {"required": ["path", "repo"]},
}  # fmt: skip
SCHEMA: dict[str, Any] = {
    "type": "object", "additionalProperties": False, "required": ["name"], "description": "name and model",
    "$defs": {"steps": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "solver steps, 1 to 1000"}},
    "properties": {
        "name": {"type": "string", "examples": ["emoji"]},
        "dtype": {"enum": ["auto", "float32"], "description": "auto or float32"},
        "model": {
            **PLACE, "properties": {**PLACE["properties"], "steps": {"$ref": "#/$defs/steps"},
                                    "unet": {"anyOf": [{"type": "null"}, {"type": "string"}, PLACE],
                                             "description": "a path, or {repo, revision}"}},
        },
        "judge": {"type": "object", "oneOf": [{"required": ["model"]}, {"required": ["pretrained"]}],
                  "description": "either `model:` or `pretrained:`"},
        "guidance": {"type": "number", "description": "a guidance scale"},
        "axes": {"type": "array", "items": {"type": "object", "required": ["id"], "properties": {
            "id": {"type": "string", "description": "the id of a label"},
            "names": {"type": "array", "uniqueItems": True},
        }}},
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "what", "fix"),
    [
        ("- a", 1, "the base's file is a list where a mapping (key: value) is wanted", "write name and model"),
        ("dtype: auto", 1, "`name` is missing", "write `name: emoji`"),
        ("name: a\nmodle: x", 2, "there is no key 'modle' here", "write model"),
        ("name: a\nmodel:\n  pth: x", 3, "there is no key 'pth' here", "write path"),
        ("name: a\nmodel:\n  steps: 0", 3, "`model.steps` is 0", "write solver steps, 1 to 1000"),
        ("name: a\nmodel:\n  steps: many", 3, "`model.steps` is 'many' where a whole number is wanted", "1 to 1000"),
        ("name: a\nmodel:\n  steps: 2.5", 3, "`model.steps` is 2.5", "a whole number: solver steps"),
        ("name: a\nguidance: yes", 2, "`guidance` is yes, which YAML reads as true or false", "a number: a guidance"),
        ("name: a\ndtype: float23", 2, "`dtype` is 'float23', which is not known", "write float32"),
        ("name: a\nmodel:\n  repo: a/b", 3, "`model` has `repo` without `revision`", "write `revision:`, too"),
        ("name: a\nmodel: {path: x, repo: y, revision: z}", 2, "`model` has `path` and `repo`", "keep one of them"),
        ("name: a\nmodel:\n  unet: {repo: a/b}", 3, "`model.unet` has `repo` without `revision`", "write `revision:`"),
        ("name: a\nmodel:\n  unet: 7", 3, "`model.unet` is 7, which YAML reads as a number", 'quotes: "7"'),
        ("name: a\njudge: {model: x, pretrained: y}", 2, "`judge` is not an allowed form", "either `model:` or"),
        ("name: a\naxes:\n  - names: [x]", 3, "`id` is missing", "write `id:` with the id of a label"),
        ("name: a\naxes:\n  - {id: x, names: [y, y]}", 3, "`names` has 'y' twice", "keep one of them"),
    ],
)
def test_says_what_and_where_of_any_file(tmp_path: Path, text: str, line: int, what: str, fix: str) -> None:
    file = tmp_path / "base.yaml"
    file.write_text(text)
    (problem,) = schema_problems(load(file), "base.yaml", validator_of(SCHEMA), "the base's file")
    assert problem.where == f"base.yaml:{line}"
    assert what in problem.what and fix in problem.fix
