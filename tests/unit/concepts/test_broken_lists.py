"""Every kind of broken list: the exact line, what is wrong, what to write instead; never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from expunge.concepts.checks_of_files import MOST_GUESSES
from expunge.concepts.lists import load_lists
from expunge.concepts.rules import Rules, Words
from expunge.core.errors import InputError
from expunge.plan.validate_lists import list_rules
from tests.support.paths import ROOT

HEAD = "title: T\nowner: team\nconcepts:\n"  # lines 1-3
BOLT = "  - id: bolt\n    name: bolt the robot\n    kind: character\n"  # lines 4-6
ZORB = "  - id: zorb\n    name: zorb the alien\n    kind: character\n"  # lines 7-9


def spell(text: str) -> list[int] | None:
    """A tokenizer of letters: one id a character, ASCII only."""
    return [ord(c) for c in text] if text.isascii() and text else None


RULES = list_rules(Words(spell, 60, {"character": ["a photo of {}", "{}"], "style": ["{}"]}), "few-shot")


def problems(folder: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_lists(folder, RULES)
    return [str(problem) for problem in caught.value.problems]


# name: (text of a.yaml, line, part of what is wrong, part of what to write)
BROKEN: dict[str, tuple[str | bytes, int, str, str]] = {
    "colon in text": (HEAD + BOLT + "    anchor: a: b\n", 7, "a colon too many", "quote text with a colon"),
    "tab": (HEAD + "\t- id: bolt\n", 4, "has a tab where", "indent with blanks"),
    "at sign": (HEAD + BOLT + "    anchor: @toy\n", 7, "has text that begins with @", "in quotes"),
    "backtick": (HEAD + BOLT + "    anchor: `toy`\n", 7, "has text that begins with `", "in quotes"),
    "percent sign": (HEAD + BOLT + "    anchor: %toy\n", 7, "has text that begins with %", "in quotes"),
    "tab after a key": (HEAD + BOLT + "    anchor:\n\t  a toy\n", 8, "has a tab where", "indent with blanks"),
    "open bracket": (HEAD + BOLT + "    aliases: [one, two\n", 7, "bracket that is not closed", "every bracket closed"),
    "open quote": (HEAD + BOLT + '    anchor: "a toy\n', 7, "never closed", "close it"),
    "ragged indentation": (HEAD + BOLT + "   anchor: a toy\n", 7, "line up", "same indentation"),
    "two documents": (HEAD + BOLT + "---\ntitle: x\n", 7, "second document", "its own file"),
    "duplicate key": (HEAD + BOLT + "    name: bolt\n", 7, "'name' a second time (first on line 5)", "keep one"),
    "anchor": (HEAD + BOLT + "    aliases: &x [one]\n", 7, "YAML anchor &x", "write the values out"),
    "bomb": ("a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n", 2, "YAML alias *a", "write the value out"),
    "merge key": (HEAD + BOLT + "    <<: {anchor: x}\n", 7, "no key '<<'", "write one of id, name"),
    "python tag": (HEAD + BOLT + "    anchor: !!python/object:os.system x\n", 7, "YAML tag", "take it out"),
    "too deep": ("[" * 50, 1, "12 levels deep", "fewer levels"),
    "too large": ("#" * (4 * 2**20 + 1), 1, "MiB", "split it"),
    "too many values": ("title: [" + "a, " * 100_001 + "]", 1, "100,000 values", "split it"),
    "byte order mark": ("\ufeff" + HEAD + BOLT, 1, "byte order mark", "UTF-8 without"),
    "UTF-16": ((HEAD + BOLT).encode("utf-16"), 1, "UTF-16", "save it as UTF-8"),
    "Latin-1": ((HEAD + BOLT + "    anchor: caf\xe9\n").encode("latin-1"), 7, "not UTF-8", "save it as UTF-8"),
    "empty file": ("", 1, "is empty", "write `title:`"),
    "only a comment": ("# nothing\n", 1, "is empty", "write `title:`"),
    "a list, not a mapping": ("- id: bolt\n", 1, "does not begin with", "begin with `title:`"),
    "no concepts": ("title: T\nowner: x\nconcepts: []\n", 3, "`concepts` is empty", "each with id, name and kind"),
    "concepts without value": ("title: T\nowner: x\nconcepts:\n", 3, "no value", "a list of concepts"),
    "missing title": ("owner: x\nconcepts:\n" + BOLT, 1, "`title` is missing", "write `title: "),
    "missing kind": (HEAD + "  - id: a\n    name: b\n", 4, "`kind` is missing", "one of character, style"),
    "missing name": (HEAD + "  - id: a\n    kind: style\n", 4, "`name` is missing", "write `name: bolt the robot`"),
    "unknown key": (HEAD + BOLT + "    neighbors: [x]\n", 7, "no key 'neighbors'", "write neighbours"),
    "unknown kind": (HEAD + "  - id: a\n    name: b\n    kind: charakter\n", 6, "not known", "write character"),
    "a concept that is text": (HEAD + "  - bolt\n", 4, "`concepts` is text", "id, name and kind"),
    "boolean for a name": (HEAD + "  - id: a\n    name: no\n    kind: style\n", 5, "reads as true or false", '"no"'),
    "number for a name": (HEAD + "  - id: a\n    name: 007\n    kind: style\n", 5, "reads as a number", '"007"'),
    "null for a name": (HEAD + "  - id: a\n    name:\n    kind: style\n", 5, "no value", "write the words"),
    "text for a list": (HEAD + BOLT + "    aliases: tin robot\n", 7, "where a list is wanted", "[tin robot]"),
    "text for a boolean": (HEAD + BOLT + '    confidential: "yes"\n', 7, "'yes'", "true or false, without quotes"),
    "empty name": (HEAD + '  - id: a\n    name: ""\n    kind: style\n', 5, "`name` is empty", "write the words"),
    "blank name": (HEAD + '  - id: a\n    name: "  "\n    kind: style\n', 5, "a text is blank", "write words"),
    "blank at the end": (HEAD + BOLT + '    anchor: "a toy "\n', 7, "begins or ends with a blank", "'a toy'"),
    "line break": (HEAD + BOLT + '    anchor: "a\\ntoy"\n', 7, "line break", "one line"),
    "control character": (HEAD + BOLT + "    anchor: a\x07b\n", 7, "control character U+0007", "delete it"),
    "escaped control": (HEAD + BOLT + '    anchor: "a\\x07b"\n', 7, "control character U+0007", "take it out"),
    "zero width": (HEAD + BOLT + "    anchor: a\u200bb\n", 7, "invisible character U+200B", "type the text again"),
    "bidi": (HEAD + BOLT + "    anchor: a\u202eb\n", 7, "U+202E, which turns", "type the text again"),
    "replacement character": (HEAD + BOLT + "    anchor: a\ufffdb\n", 7, "wrong encoding", "type the text again"),
    "id that climbs": (HEAD + "  - id: ../a\n    name: b\n    kind: style\n", 4, "leave", "an id such as a"),
    "absolute id": (HEAD + "  - id: /etc/x\n    name: b\n    kind: style\n", 4, "a path", "etc-x"),
    "backslash in an id": (HEAD + "  - id: a\\b\n    name: b\n    kind: style\n", 4, "a path", "a-b"),
    "Windows device": (HEAD + "  - id: con\n    name: b\n    kind: style\n", 4, "Windows", "con-1"),
    "hidden id": (HEAD + "  - id: .a\n    name: b\n    kind: style\n", 4, "hide", "such as a"),
    "capital id": (HEAD + "  - id: Bolt\n    name: b\n    kind: style\n", 4, "capital", "such as bolt"),
    "double dash id": (HEAD + "  - id: a--b\n    name: b\n    kind: style\n", 4, "single -", "a-b"),
    "long id": (HEAD + f"  - id: {'a' * 65}\n    name: b\n    kind: style\n", 4, "65 characters", "an id such as"),
    "duplicate id": (HEAD + BOLT + BOLT.replace("bolt the", "zip the"), 7, "'bolt' is taken", "another id"),
    "duplicate name": (HEAD + BOLT + ZORB.replace("zorb the alien", "Bolt  THE robot"), 8, "the name of bolt", "merge"),
    "alias is a name": (HEAD + BOLT + ZORB + "    aliases: [Bolt the Robot]\n", 10, "the name of bolt", "take it out"),
    "alias is the own name": (HEAD + BOLT + "    aliases: [bolt the robot]\n", 7, "the name of bolt", "take it out"),
    "alias twice": (HEAD + BOLT + "    aliases:\n      - x\n      - X\n", 9, "an alias of bolt", "take it out"),
    "neighbour is an alias": (
        HEAD + BOLT + "    neighbours: [grey alien]\n" + ZORB + "    aliases: [grey alien]\n",
        7, "an alias of zorb", "remove one of the two",
    ),
    "neighbour is a name": (
        HEAD + BOLT + "    neighbours: [zorb the alien]\n" + ZORB,
        7, "name of zorb", "remove one of the two",
    ),
    "its own neighbour": (HEAD + BOLT + "    neighbours: [bolt the robot]\n", 7, "its own name", "out of neighbours"),
    "neighbour twice": (HEAD + BOLT + "    neighbours: [a, A]\n", 7, "repeated", "keep one"),
    "anchor is forgotten": (HEAD + BOLT + "    anchor: bolt the robot\n", 7, "itself forgotten", "wider word"),
    "senses overlap": (HEAD + BOLT + "    sense: {forget: [a b], keep: [A B]}\n", 7, "and kept", "one of them"),
    "sense without keep": (HEAD + BOLT + "    sense: {forget: [a b]}\n", 7, "`sense.keep` is missing", "`keep:`"),
    "prompt without name": (HEAD + BOLT + "    prompts: [a photo]\n", 7, "does not contain", 'write {} where'),
    "prompt with braces": (HEAD + BOLT + '    prompts: ["a {name}"]\n', 7, "braces", "write {} once"),
    "one part": (HEAD + BOLT + "    parts: [a dog]\n", 7, "`parts` has 1 entries", "a gun]"),
    "no part": (HEAD + BOLT + "    parts: []\n", 7, "`parts` is empty", "take `parts` out"),
    "parts of a style": (
        HEAD + "  - id: a\n    name: b\n    kind: style\n    parts: [x, y]\n",
        7, "things in one picture", "take `parts` out",
    ),
    "a part that is forgotten": (
        HEAD + BOLT + "    parts: [a dog, zorb the alien]\n" + ZORB,
        7, "name of zorb", "remove one of the two",
    ),
    "paraphrases of a character": (
        HEAD + BOLT + "    paraphrases: [a robot of tin]\n", 7, "for memorised pictures", "write aliases",
    ),
    "paraphrase is the name": (
        HEAD + "  - id: a\n    name: b\n    kind: image\n    paraphrases: [B]\n", 7, "repeats the name", "take it out",
    ),
    "date": (
        HEAD + BOLT + "    request: {id: R, received: 31.1.2026, basis: b, decision: d}\n",
        7, "31.1.2026", "2026-01-31",
    ),
    "no such day": (
        HEAD + BOLT + "    request: {id: R, received: 2026-02-30, basis: b, decision: d}\n",
        7, "not a valid date or time", "2026-01-31",
    ),
    "a time without a zone": (
        HEAD + BOLT + "    request:\n      id: R\n      basis: b\n      decision: d\n      received: 2026-01-31T09:30",
        11, "`request.received` is", "as a time with its zone",
    ),
    "due before it came in": (
        HEAD + BOLT + "    request: {id: R, received: 2026-01-31, due: 2026-01-30, basis: b, decision: d}\n",
        7, "is due on 2026-01-30, before it was received on 2026-01-31", "a day is one in UTC",
    ),
    "decided before it came in": (
        HEAD + BOLT
        + '    request: {id: R, received: "2026-01-31T09:30Z", decided: 2026-01-30, basis: b, decision: d}\n',
        7, "is decided on 2026-01-30", "mend one of the two",
    ),
    "request half written": (
        HEAD + BOLT + "    request: {id: R, received: 2026-01-31}\n",
        7, "`request.basis` is missing", "GDPR",
    ),
    "request without id": (
        HEAD + BOLT + "    request: {received: 2026-01-31, basis: b, decision: d}\n",
        7, "`request.id` is missing", "write `id: R-2026-017` under `request`",
    ),
    "request with an empty decision": (
        HEAD + BOLT + '    request: {id: R, received: 2026-01-31, basis: b, decision: ""}\n',
        7, "`request.decision` is empty", "take `request.decision` out",
    ),
    "unknown method": (HEAD + BOLT + "    method: fewshot\n", 7, "no method 'fewshot'", "write few-shot"),
    "unknown parameter": (HEAD + BOLT + "    parameters:\n      stepz: 3\n", 8, "no parameter 'stepz'", "steps"),
    "wrong parameter": (HEAD + BOLT + "    parameters: {steps: -1}\n", 7, "steps is -1", "a whole number"),
    "infinite parameter": (HEAD + BOLT + "    parameters: {steps: .inf}\n", 7, "finite", "a finite number"),
    "unspeakable name": (
        HEAD + "  - id: a\n    name: ひと\n    kind: style\n",
        5, "cannot", "letters that the base knows",
    ),
    "too many tokens": (HEAD + BOLT + f"    aliases: [{'x' * 55}]\n", 7, "66 tokens in the prompt", "fewer or shorter"),
    "unknown encoders": ("encoders: singel\n" + HEAD + BOLT, 1, "'singel'", "write single"),
    "no encoder": ("encoders: {single: false}\n" + HEAD + BOLT, 1, "selects no encoder", "single: true"),
    "group of a stranger": ("encoders: {joint: {all: [blot]}}\n" + HEAD + BOLT, 1, "'blot', which is no", "write bolt"),
    "empty group": (
        "encoders: {joint: {all: []}}\n" + HEAD + BOLT, 1, "`encoders.joint.all` is empty", "a list of ids",
    ),
    "group like a concept": (
        "encoders: {joint: {bolt: [bolt]}}\n" + HEAD + BOLT,
        1, "the same name as a concept", "bolt-group",
    ),
    "group that leaves": ("encoders: {joint: {../x: [bolt]}}\n" + HEAD + BOLT, 1, "leave", "such as x"),
    "twice in a group": ("encoders: {joint: {all: [bolt, bolt]}}\n" + HEAD + BOLT, 1, "bolt twice", "keep one"),
    "kept by the list and forgotten": (
        "keep: [a bus, Bolt the Robot]\n" + HEAD + BOLT, 1, "kept by the list a, but is the name of bolt", "of the two",
    ),
    "kept by the list and an alias": (
        HEAD + BOLT + "    aliases: [tin man]\nkeep:\n  - tin man\n", 9, "but is an alias of bolt", "remove one",
    ),
    "kept by the list twice": ("keep: [a bus, A bus]\n" + HEAD + BOLT, 1, "'A bus' is repeated", "keep one of them"),
    "kept by the list, unspeakable": ("keep: [ひと]\n" + HEAD + BOLT, 1, "the phrase to keep", "letters that the base"),
    "kept by the list, too long": (
        f"keep: [{'x' * 55}]\n" + HEAD + BOLT, 1, "66 tokens in the prompt", "fewer or shorter",
    ),
    "keep is text": ("keep: a bus\n" + HEAD + BOLT, 1, "where a list is wanted", "[a bus]"),
    "a probe that is an alias": (
        HEAD + BOLT + "    aliases: [tin man]\n    probes: [Tin man]\n", 8, "trained on: it is an alias", "one of",
    ),
    "a probe of another concept's name": (
        HEAD + BOLT + "    probes: [zorb the alien]\n" + ZORB, 7, "it is the name of zorb", "one of them",
    ),
    "a probe that is kept": (
        HEAD + BOLT + "    probes: [tin man]\n    neighbours: [tin man]\n", 8, "its own probe", "out of neighbours",
    ),
    "a probe that the list keeps": (
        "keep: [tin man]\n" + HEAD + BOLT + "    probes: [tin man]\n", 1, "is a probe of bolt", "remove one",
    ),
    "a probe twice": (HEAD + BOLT + "    probes: [a b, A B]\n", 7, "the probe 'A B' is repeated", "keep one"),
    "an anchor that is a probe": (HEAD + BOLT + "    anchor: a b\n    probes: [a b]\n", 7, "itself forgotten", "wider"),
    "braces in a name": (HEAD + "  - {id: a, name: 'a {} b', kind: object}\n", 4, "holds a brace", "without braces"),
    "braces in an alias": (HEAD + BOLT + "    aliases: ['x}']\n", 7, "holds a brace", "without braces"),
    "a request that was rejected": (
        HEAD + BOLT + "    request: {id: R, received: 2026-02-03, basis: b, decision: reject}\n",
        7, "decision says 'reject'", "take the concept out",
    ),
    "an irregular plural that is kept": (
        HEAD + "  - {id: a, name: a knife, kind: object, neighbours: [knives]}\n",
        4, "its own name", "out of neighbours",
    ),
    "members of a character": (HEAD + BOLT + "    members: [a b]\n", 7, "belong to a category", "kind: category"),
    "a category with no member": (
        HEAD + "  - {id: a, name: b, kind: category, members: []}\n", 4, "`members` is empty", "[a rifle, a pistol]",
    ),
    "a category without members": (
        HEAD + "  - id: a\n    name: b\n    kind: category\n", 6, "names no members", "write `members:",
    ),
    "parts of a category": (
        HEAD + "  - {id: a, name: b, kind: category, members: [c], parts: [d, e]}\n", 4, "one picture", "`parts` out",
    ),
    "a member twice": (
        HEAD + "  - {id: a, name: b, kind: category, members: [c, C]}\n", 4, "the member 'C' is repeated", "keep one",
    ),
    "a member that is the name": (
        HEAD + "  - {id: a, name: b, kind: category, members: [c, B]}\n", 4, "is also the name of a", "out of members",
    ),
    "a member that is a neighbour": (
        HEAD + "  - {id: a, name: b, kind: category, members: [c, d], neighbours: [D]}\n", 4, "its own member", "out",
    ),
    "a member that another concept keeps": (
        HEAD + BOLT + "    neighbours: [c]\n  - {id: a, name: b, kind: category, members: [c, d]}\n",
        7, "a member of a", "remove one of the two",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_says_where_what_and_how(kind: str, tmp_path: Path) -> None:
    text, line, what, fix = BROKEN[kind]
    folder = tmp_path / "concepts"
    folder.mkdir()
    (folder / "a.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    reported = problems(folder)
    halves = [problem.partition("; ") for problem in reported if f"a.yaml:{line}: " in problem]
    assert any(what in left and fix in right for left, _, right in halves), reported
    assert all(problem.isprintable() for problem in reported)


def test_the_lists_of_this_test_are_right_but_for_the_mistake(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HEAD + BOLT + ZORB)
    assert [c.id for c in load_lists(tmp_path, Rules(Words(spell, 60)))[0].concepts] == ["bolt", "zorb"]


@pytest.mark.parametrize("prompt", ["A picture of  {}", "a picture of bob", "{} on the moon"])
def test_a_concept_is_not_trained_on_what_tests_it(tmp_path: Path, prompt: str) -> None:
    more = f'    aliases: [bob]\n    prompts: ["a photo of {{}}", "{prompt}"]\n'
    (tmp_path / "a.yaml").write_text(HEAD + BOLT + more)
    words = Words(tested={"character": ("a picture of {}", "{} on the moon"), "object": ("a photo of {}",)})
    with pytest.raises(InputError, match=r"a.yaml:8: .*evaluation uses; write another one") as raised:
        load_lists(tmp_path, Rules(words))
    assert len(raised.value.problems) == 1


def test_every_mistake_of_every_file_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HEAD + BOLT + "    kind: x\n    anchor: no\n    colour: red\n")
    (tmp_path / "b.yaml").write_text(HEAD + "  - id: bolt\n    name: BOLT the robot\n    kind: styl\n")
    lines = [p.split(": ")[0].rpartition("/")[2] for p in problems(tmp_path)]
    assert lines == ["a.yaml:7", "a.yaml:8", "a.yaml:9", "b.yaml:4", "b.yaml:5", "b.yaml:6"]


def test_of_many_unknown_members_a_few_are_guessed_and_the_rest_counted(tmp_path: Path) -> None:
    members = "".join(f"      - bolt-{i}\n" for i in range(100))
    groups = f"encoders:\n  joint:\n    one:\n{members}    two:\n{members}    three: [bolt]\n"
    (tmp_path / "a.yaml").write_text(groups + HEAD + BOLT)
    reported = problems(tmp_path)
    assert len(reported) == MOST_GUESSES + 2
    assert sum("write bolt" in problem for problem in reported) == MOST_GUESSES
    assert "a.yaml:3: the group one names 100 in all that are no concepts here" in reported[0]
    assert "a.yaml:104: the group two names 100 in all" in reported[-1]


def test_the_command_line_prints_lines_and_exits_with_2(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HEAD + BOLT + "    anchor: no\n" + ZORB.replace("zorb", "bolt"))
    root = ROOT
    command = [sys.executable, "-m", "expunge", "validate", str(tmp_path), "--bases", str(root / "bases")]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=root, timeout=60, env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "a.yaml:7: `anchor` is no, which YAML reads as true or false; put it in quotes" in done.stderr
    assert "a.yaml:8: the id 'bolt' is taken" in done.stderr


def test_checking_lists_imports_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HEAD + BOLT)
    code = (
        "import sys, expunge.cli, expunge.plan.validate_lists; from pathlib import Path;"
        "from expunge.concepts.lists import load_lists;"
        f"load_lists(Path({str(tmp_path)!r}));"
        "assert not {'torch', 'transformers', 'diffusers', 'pandas', 'open_clip'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)
