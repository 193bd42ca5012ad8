"""Writes new ids of concepts into YAML files that name them as list/id: params.yaml and requests/*.yaml.

renamed([Path("params.yaml")], {"people/mira-holt": "people/c-417302"})        {Path("params.yaml"): [12]}
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from expunge.core.files import write_text
from expunge.core.yamlfile import Node, read


def renamed(files: Iterable[Path], names: Mapping[str, str]) -> dict[Path, list[int]]:
    """{file: its lines that were changed}. All else of a file stays as it is, byte for byte.

    A file that cannot be read is left alone: `expunge validate` and `expunge requests` tell what is wrong with it.

    :param names: {"list/old": "list/new"}.
    """
    changed = {}
    for file in files:
        tree = read(file, file.as_posix())[0] if file.is_file() else None
        if tree is None:
            continue
        lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", file.read_bytes().decode("utf-8"))  # as the reader counts them
        places = sorted({(node.line, node.value) for node in _texts(tree) if node.value in names})
        for line, old in places:
            lines[line - 1] = re.sub(rf"(?<![\w/.-]){re.escape(old)}(?![\w/.-])", names[old], lines[line - 1])
        if places:
            write_text(file, "".join(lines))
            changed[file] = sorted({line for line, _ in places})
    return changed


def _texts(node: Node) -> Iterator[Node]:
    if isinstance(node.value, str):
        yield node
    for each in node.children.values() if isinstance(node.children, dict) else node.children or ():
        yield from _texts(each)
