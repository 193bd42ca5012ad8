"""Writes a concept list as YAML that reads back as it was, checked before it is put in its place."""

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from expunge.concepts.lists import Words, in_order
from expunge.core.errors import InputError, Problem
from expunge.core.yamlfile import plain_value

_PLAIN = re.compile(r"[^\W_](?:[\w .'()&/!+-]*[\w.')!+])?")  # texts that YAML reads back as they stand, unquoted


@dataclass
class Entry:
    """A concept in the making."""

    row: str
    name: str
    id: str = ""
    aliases: list[str] = field(default_factory=list)
    neighbours: list[str] = field(default_factory=list)
    anchor: str | None = None
    prompts: list[str] = field(default_factory=list)


def write_list(text: str, out: Path, force: bool = False) -> None:
    """Write a list beside its final name, check that it is one, and move it there.

    :raises InputError: it is there already (without `force`), or cannot be written.
    """
    from expunge.concepts.checks import cross_problems
    from expunge.concepts.lists import Source
    from expunge.concepts.schema import schema_problems
    from expunge.core.yamlfile import read

    if out.exists() and not force:
        raise InputError([Problem(f"{out}", "is there already", "write --force to replace it, or another --out")])
    aside = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(text, "utf-8", newline="\n")
        tree, problems = read(aside, f"{out}")
        if tree is not None:
            problems += schema_problems(tree, f"{out}")
            problems += cross_problems([Source(out.stem, aside, f"{out}", tree)], Words(), None, None, None)
        if problems:  # a mistake of the importer: show it rather than write a list that is refused
            raise InputError(in_order(problems))
        os.replace(aside, out)
    except OSError as error:
        raise InputError([Problem(f"{out}", f"cannot be written ({error.strerror})", "write another --out")]) from None
    finally:
        aside.unlink(missing_ok=True)


def to_yaml(entries: list[Entry], kind: str, title: str, owner: str, source: str) -> str:
    """The file's text: plain block YAML, one concept after another."""
    lines = [
        "# yaml-language-server: $schema=schema.json",
        f"# imported from {source if source.isprintable() else ascii(source)}",
        f"title: {quoted(title)}",
        f"owner: {quoted(owner)}",
        "encoders: single",
        "concepts:",
    ]
    for entry in entries:
        lines += [f"  - id: {quoted(entry.id)}", f"    name: {quoted(entry.name)}", f"    kind: {kind}"]
        lines += [f"    anchor: {quoted(entry.anchor)}"] if entry.anchor else []
        for key in ("aliases", "neighbours", "prompts"):
            values = getattr(entry, key)
            lines += [f"    {key}:", *(f"      - {quoted(value)}" for value in values)] if values else []
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """A text as YAML: bare where it is read back as it stands, else in double quotes."""
    bare = _PLAIN.fullmatch(text) and isinstance(plain_value(text), str)
    return text if bare else json.dumps(text, ensure_ascii=False)
