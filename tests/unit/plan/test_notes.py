"""What is said beside mistakes: what was taken of a list, and what the judge does not know."""

from pathlib import Path

import pytest

from expunge.concepts.concept import Concept, ConceptList, Encoders
from expunge.concepts.prompt_file import Beside, FarPrompt, Prompts
from expunge.concepts.samples import Asks, PlannedSample
from expunge.core.errors import InputError
from expunge.judging.vocabulary import Label
from expunge.plan.notes import (
    company_notes,
    double_notes,
    held_out_members,
    member_notes,
    probe_notes,
    taken_notes,
    unknown_notes,
)
from expunge.plan.validate_lists import validate
from tests.support.paths import ROOT

LABELS = {"subject": tuple(Label(word, (word,), kind="fruit") for word in ("apple", "pear", "fig"))}
FRUIT = Concept("fruit", "fruit", "category", members=("an apple",))
OWL = Concept("owl", "an owl", "object", neighbours=("a pear",))


def listed(*concepts: Concept, keep: tuple[str, ...] = ()) -> ConceptList:
    return ConceptList("l", "T", "o", Encoders(True, {}), concepts, Path("l.yaml"), {}, keep)


def test_members_that_no_list_keeps_are_held_out() -> None:
    assert held_out_members([listed(FRUIT)], LABELS) == {"l/fruit": ("a pear", "a fig")}
    assert held_out_members([listed(FRUIT, OWL, keep=("figs", "a fig"))], LABELS) == {}
    assert held_out_members([listed(FRUIT)], {}) == {}


def test_what_was_taken_is_said() -> None:
    short, long = listed(FRUIT, keep=("a bus",)), listed(FRUIT, keep=tuple(f"k {i}" for i in range(1000)))
    [kept, members] = taken_notes([short], {"l/fruit": ("a pear", "a fig")})
    assert kept.startswith("l: keeps 1 phrase.") and "all are drawn" in kept
    assert members.startswith("l/fruit: ") and members.endswith("tested alone: a pear, a fig")
    [kept] = taken_notes([long], {})
    assert "keeps 1000 phrases" in kept and "4, chosen by the seed, are drawn for each concept" in kept
    assert taken_notes([listed(FRUIT)], {}) == []


def test_what_is_never_drawn_in_company_is_said() -> None:
    concepts = {"l/owl": OWL, "l/spin": Concept("spin", "spinning", "motion")}
    far = (FarPrompt("a hat", Asks("subject", "a hat")),)
    without, company = Prompts({}, {}, far), Prompts({}, {}, far, beside=Beside(("{} by {other}",), ("a pear",)))
    beside = PlannedSample("beside", "an owl by a hat", 0, "image", Asks("glance", "a hat"))
    assert company_notes("b", concepts, {"l/owl": [beside], "l/spin": []}, company) == []
    [none] = company_notes("b", concepts, {"l/owl": [], "l/spin": []}, without)
    assert "no `beside`" in none and "`beside_target` are not measured" in none
    [named] = company_notes("b", concepts, {"l/owl": [], "l/spin": []}, company)
    assert named.endswith("drawn alone: l/owl")


def test_a_confidential_concept_is_called_by_its_id_alone() -> None:
    secret = Concept("p-17", "Mira Holt", "person", confidential=True)
    monets = [Concept(f"m-{i}", f"monet {i}", "style") for i in range(30)]
    [note] = unknown_notes("emoji", [listed(secret)], LABELS)
    assert "p-17" in note and "Mira" not in note and "this concept" in note
    [note] = unknown_notes("emoji", [listed(*monets)], LABELS)
    assert "these 30 concepts" in note and "monet 9 (m-9), and 20 more" in note and "monet 10" not in note
    assert unknown_notes("emoji", [listed(FRUIT)], LABELS) == []
    hidden = Concept("c", "fruit", "category", members=("an apple",), confidential=True)
    [note] = taken_notes([listed(hidden)], {"l/c": ("a pear",)})
    assert "1 more" in note and "pear" not in note


def test_validate_names_what_the_judge_of_a_base_does_not_know(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "title: T\nowner: o\nconcepts:\n  - {id: monet, name: claude monet, kind: style}\n"
        "  - {id: korda, name: ansel korda, kind: style}\n"
    )
    [note] = validate(tmp_path, "emoji", ROOT / "bases")[1]
    assert note.startswith("emoji: the judge's vocabulary does not know this concept")
    assert "claude monet (monet)" in note and "korda" not in note
    assert not any("judge" in note for note in validate(tmp_path, None, ROOT / "bases")[1])


def test_a_motion_that_the_judge_was_not_trained_on_is_refused(tmp_path: Path) -> None:
    head = "title: T\nowner: o\nkeep: [hopping, melting]\nconcepts:\n"
    entry = "  - {id: spin, name: spinning, kind: motion, aliases: [whirling], neighbours: [sliding, flapping]}\n"
    (tmp_path / "a.yaml").write_text(head + entry)
    with pytest.raises(InputError) as caught:
        validate(tmp_path, "emoji", ROOT / "bases")
    flapping, melting = caught.value.problems
    assert flapping.line == 5 and "the motion 'flapping'" in flapping.what and "bouncing" in flapping.fix
    assert "'melting'" in melting.what
    (tmp_path / "a.yaml").write_text(head.replace(", melting", "") + entry.replace(", flapping", ""))
    assert validate(tmp_path, "emoji", ROOT / "bases")[1] == []
    assert validate(ROOT / "concepts", "emoji", ROOT / "bases")[1] == []


def test_words_that_are_nearly_the_same_are_said() -> None:
    lists = [
        listed(Concept("a", "Gustave Dor\u00e9", "style"), Concept("b", "Gustave Dore", "style", neighbours=("Bo",)))
    ]
    assert double_notes(lists) == [
        "nearly the same words: 'Gustave Dor\u00e9' (l/a, forgotten) and 'Gustave Dore' (l/b, forgotten)"
    ]
    kept = [listed(Concept("a", "O'Vint", "person"), Concept("b", "Bo", "person", neighbours=("O\u2019Vint",)))]
    assert "'O\u2019Vint' (l/b, kept)" in double_notes(kept)[0]
    hidden = [listed(Concept("a", "O'Vint", "person", confidential=True), Concept("b", "O\u2019Vint", "person"))]
    assert double_notes(hidden) == [] and double_notes([listed(FRUIT, OWL)]) == []


def test_members_that_the_judge_does_not_know_are_said() -> None:
    labels = {**LABELS, "motion": (Label("spin", ("spinning",)),), "style": (Label("ink", ("an ink drawing",)),)}
    animals = Concept("c", "fruit", "category", members=("an apple", "spinning", "ink drawing", "a gorblax"))
    other, lost = member_notes("emoji", [listed(animals)], labels)
    assert other.startswith("emoji: to the judge these members of c are styles or motions")
    assert other.endswith(": spinning (motion), ink drawing (style)")
    what = "does not know these members of c, so worst_member says nothing about them: a gorblax"
    assert lost == f"emoji: the judge's vocabulary {what}"
    assert member_notes("emoji", [listed(FRUIT)], labels) == []
    detected = Concept("d", "nudity", "category", members=("a gorblax",), judge="nudity")
    nothing = Concept("n", "monsters", "category", members=("a gorblax",))  # `unknown_notes` names it
    assert member_notes("emoji", [listed(detected, nothing)], labels) == []
    hidden = Concept("c", "fruit", "category", members=("an apple", "a gorblax"), confidential=True)
    [note] = member_notes("emoji", [listed(hidden)], labels)
    assert "1 of them" in note and "gorblax" not in note


def test_a_probe_that_is_nearly_trained_on_is_said() -> None:
    arms = Concept("arms", "weapons", "category", members=("a rifle", "a fire-arm"), probes=("rifles", "a sabre"))
    [note] = probe_notes([listed(arms)])
    assert note.endswith("they test nothing new: 'rifles' beside 'a rifle' (l/arms)")
    other = Concept("o", "fire arms", "object", probes=("the weapon",))
    assert "'the weapon' beside 'weapons' (l/o)" in probe_notes([listed(arms, other)])[0]
    hidden = Concept("p-1", "Bo Vint", "person", probes=("the Bo Vint",), confidential=True)
    [note] = probe_notes([listed(hidden)])
    assert note.endswith("1 of p-1")
    assert probe_notes([listed(FRUIT, OWL)]) == [] and probe_notes([listed(arms), listed(other)]) != []


def test_validate_says_what_a_category_cannot_show(tmp_path: Path) -> None:
    entry = "{id: a, name: animals, kind: category, members: [a panda, a gorblax], probes: [pandas]}"
    (tmp_path / "a.yaml").write_text(f"title: T\nowner: o\nconcepts:\n  - {entry}\n")
    notes = validate(tmp_path, "emoji", ROOT / "bases")[1]
    assert any("worst_member says nothing about them: a gorblax" in note for note in notes)
    assert any("'pandas' beside 'a panda'" in note for note in notes)


def test_a_metric_outside_of_a_gate_is_sent_there(tmp_path: Path) -> None:
    head = "title: T\nowner: o\n"
    entry = "concepts:\n  - {id: a, name: b, kind: category, members: [c], worst_member: 1}\n"
    for text, line, gate in (
        (head + entry, 4, 'gate: {image: {worst_member: "<= 0.05"}}'),
        (head + "near: 1\n" + entry.replace(", worst_member: 1", ""), 3, 'gate: {image: {near: ">= 0.9"}}'),
    ):
        (tmp_path / "a.yaml").write_text(text)
        with pytest.raises(InputError) as caught:
            validate(tmp_path, "emoji", ROOT / "bases")
        [problem] = caught.value.problems
        assert problem.line == line and f"write `{gate}`" in problem.fix
        (tmp_path / "a.yaml").write_text(head + gate + "\n" + entry.replace(", worst_member: 1", ""))
        validate(tmp_path, "emoji", ROOT / "bases")
