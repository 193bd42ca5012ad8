"""Mistakes in a list as a whole: in its texts and its groups of encoders."""

import math
import re
from collections.abc import Iterator
from typing import Any

from expunge.concepts.source import Source
from expunge.core.errors import Problem
from expunge.core.names import bad_character, id_problem
from expunge.core.schema import did_you_mean, short

MOST_GUESSES = 5  # unknown members of groups that are named with a guess; to look for one among many ids is slow


def text_problems(source: Source) -> Iterator[Problem]:
    """Texts that are blank or badly formed, and numbers that are not finite.

    The reader has reported bad characters in the lines of the file. Those from an escape in YAML are reported here.
    """
    lines = re.split(r"\r\n|\r|\n", source.path.read_text("utf-8"))
    reported = {number for number, line in enumerate(lines, 1) if bad_character(line)}
    stack = [source.tree]
    while stack:
        node = stack.pop()
        if node.children is not None:
            stack += node.children.values() if isinstance(node.children, dict) else node.children
            continue
        where = source.place(node)
        if isinstance(node.value, float) and not math.isfinite(node.value):
            yield Problem(where, f"{node.text} is not a finite number", "write a finite number")
        if not isinstance(node.value, str) or not node.value:
            continue
        bad, stripped = bad_character(node.value), node.value.strip()
        if not stripped:
            yield Problem(where, "a text is blank", "write words, or delete the line")
        elif bad is not None and node.line not in reported:
            yield Problem(where, f"{short(node.value)} holds {bad[1]}", "take it out")
        elif "\n" in stripped or "\t" in node.value:
            yield Problem(where, f"{short(node.value)} has a line break or a tab in it", "write it on one line")
        elif node.value != stripped:
            what = f"{short(node.value)} begins or ends with a blank"
            yield Problem(where, what, f"write {short(stripped)}")


def group_problems(source: Source, ids: list[Any]) -> Iterator[Problem]:
    """Mistakes in `encoders`. :param ids: the ids of the list's concepts, as written."""
    tree = source.tree
    encoders, node = tree.value.get("encoders", "single"), tree.at(["encoders"])
    if not isinstance(encoders, dict):
        joint = encoders == "joint" or (isinstance(encoders, list) and "joint" in encoders)
        if joint and "joint" in ids:
            what = "the joint encoder and a concept are both called joint"
            yield Problem(source.place(node), what, "name a group")
        return
    groups, known, guesses = encoders.get("joint"), {each for each in ids if isinstance(each, str)}, MOST_GUESSES
    if encoders.get("single") is False and not groups:
        fix = "write single: true, or name a joint group"
        yield Problem(source.place(node), "`encoders` selects no encoder to train", fix)
    for name, members in groups.items() if isinstance(groups, dict) else ():
        group = node.at(["joint", name])
        where = source.place(group)
        if "\n" in name:  # the $ in the schema's pattern allows one at the end
            yield Problem(where, f"the group {short(name)} has a line break", "write it on one line")
        if name in known:
            yield Problem(where, f"the group {name} has the same name as a concept", f"write {name}-group")
        seen, unknown, left = set[str](), 0, guesses
        for i, member in enumerate(members) if isinstance(members, list) else ():
            if not isinstance(member, str) or id_problem(member):
                continue  # the schema reports it
            if member not in known:
                unknown += 1
                if guesses:
                    guesses -= 1
                    fix = did_you_mean(member, sorted(known))
                    what = f"the group {name} names {short(member)}, which is not a concept here"
                    yield Problem(source.place(group.at([i])), what, fix if len(known) <= 20 else fix[:200])
            elif member in seen:
                yield Problem(source.place(group.at([i])), f"the group {name} names {member} twice", "keep one of them")
            seen.add(member)
        if unknown > left - guesses:
            what = f"the group {name} names {unknown:,} in all that are no concepts here; no more of them are listed"
            yield Problem(where, what, "write ids of concepts in this file")
