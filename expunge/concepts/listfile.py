"""Writes a concept list as YAML that reads back unchanged. The file is checked before it is moved into place."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from expunge.concepts.checks import check_sources
from expunge.concepts.rules import Rules
from expunge.concepts.schema import list_validator, schema_problems
from expunge.concepts.source import Source
from expunge.core.errors import InputError, Problem, in_order
from expunge.core.files import write_aside
from expunge.core.yamlfile import plain_value, read

REQUEST_KEYS = ("id", "received", "due", "decided", "basis", "decision")
_PLAIN = re.compile(r"[^\W_](?:[\w .'()&/!+-]*[\w.')!+])?")  # texts that YAML reads back unchanged without quotes


@dataclass
class DraftConcept:
    """An unfinished concept, made from a row of an imported file."""

    row: str  # the row's label
    name: str
    id: str = ""
    aliases: list[str] = field(default_factory=list)
    neighbours: list[str] = field(default_factory=list)
    anchor: str | None = None
    prompts: list[str] = field(default_factory=list)
    probes: list[str] = field(default_factory=list)
    request: dict[str, str] = field(default_factory=dict)


def write_list(text: str, out: Path, force: bool = False) -> None:
    """Write a list to a temporary file, check it, and move it to `out`.

    :raises InputError: `out` exists (without `force`) or cannot be written, or the list has mistakes.
    """

    def write(aside: Path) -> None:
        aside.write_text(text, "utf-8", newline="\n")
        tree, problems = read(aside, f"{out}")
        if tree is not None:
            problems += schema_problems(tree, f"{out}", list_validator(merged=False))
            problems += check_sources([Source(out.stem, aside, f"{out}", tree)], Rules())
        if problems:  # a bug in the importer: report it rather than write a list that is refused
            raise InputError(in_order(problems))

    try:
        if out.exists() and not force:
            raise InputError([Problem(f"{out}", "is there already", "write --force to replace it, or another --out")])
        write_aside(out, write)
    except OSError as error:
        raise InputError([Problem(f"{out}", f"cannot be written ({error.strerror})", "write another --out")]) from None


def to_yaml(
    drafts: list[DraftConcept], kind: str, title: str, owner: str, source: str, keep: Sequence[str] = ()
) -> str:
    """The file's text: plain block YAML, one concept after another. :param keep: what no encoder may change."""
    lines = [
        "# yaml-language-server: $schema=schema.json",
        f"# imported from {source if source.isprintable() else ascii(source)}",
        f"title: {quoted(title)}",
        f"owner: {quoted(owner)}",
        "encoders: single",
        *(["keep:"] if keep else []),
        *(f"  - {quoted(name)}" for name in keep),
        "concepts:",
    ]
    for draft in drafts:
        lines += [f"  - id: {quoted(draft.id)}", f"    name: {quoted(draft.name)}", f"    kind: {kind}"]
        lines += [f"    anchor: {quoted(draft.anchor)}"] if draft.anchor else []
        for key in ("aliases", "probes", "neighbours", "prompts"):
            values = getattr(draft, key)
            lines += [f"    {key}:", *(f"      - {quoted(value)}" for value in values)] if values else []
        for key in REQUEST_KEYS:
            lines += ["    request:"] if key == "id" and draft.request else []
            lines += [f"      {key}: {quoted(draft.request[key])}"] if key in draft.request else []
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """A text as YAML: without quotes if YAML reads it back unchanged, else in double quotes."""
    bare = _PLAIN.fullmatch(text) and isinstance(plain_value(text), str)
    return text if bare else json.dumps(text, ensure_ascii=False)
