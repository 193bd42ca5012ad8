"""Lists that are right: what they become, and the properties of ids, names and of the reader."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from expunge.concepts.concept import Encoders, Request, Sense
from expunge.concepts.kinds import KINDS
from expunge.concepts.listfile import DraftConcept, quoted, to_yaml
from expunge.concepts.lists import load_lists, to_encoders
from expunge.concepts.rules import Rules, Words
from expunge.concepts.schema import list_schema, list_validator, schema_problems
from expunge.core.errors import InputError
from expunge.core.names import ID, LONGEST_ID, bad_character, id_problem, same, slug, tidy
from expunge.core.yamlfile import plain_value, read
from expunge.metrics.gate_schema import gate_schema
from tests.support.paths import ROOT

SCHEMA = json.loads((ROOT / "concepts" / "schema.json").read_text("utf-8"))
VALIDATOR = list_validator()

FULL = """\
# yaml-language-server: $schema=schema.json
title: Characters
owner: release team
encoders: {single: true, joint: {robots: [bolt, zorb]}}
concepts:
  - id: bolt
    name: bolt the robot
    kind: character
    aliases: [the tin robot]
    anchor: a toy
    neighbours:
      - jolly the clown
      - snowby the snowman
    prompts: ["a photo of {}", bolt the robot in the rain]
    request: {id: R-1, received: 2026-01-31, basis: trademark, decision: forget}
    method: few-shot
    parameters: {steps: 20, learning_rate: 1e-5}
  - {id: zorb, name: "zorb  the alien", kind: character}
  - id: mouse
    name: mouse
    kind: object
    sense: {forget: [field mouse], keep: [computer mouse]}
"""
# A busy machine is slow, which is no mistake of the code.
relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
VISIBLE = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=60).filter(
    lambda text: bad_character(text) is None
)
PHRASE = st.lists(VISIBLE, min_size=1, max_size=4).map(" ".join).map(tidy).filter(lambda text: 0 < len(text) <= 200)


def test_a_full_list(tmp_path: Path) -> None:
    (tmp_path / "characters.yaml").write_text(FULL)
    (tmp_path / "schema.json").write_text("{}")
    [loaded] = load_lists(tmp_path)
    assert (loaded.id, loaded.title, loaded.owner) == ("characters", "Characters", "release team")
    assert loaded.encoders == Encoders(True, {"robots": ("bolt", "zorb")})
    bolt, zorb, mouse = loaded.concepts
    assert bolt.aliases == ("the tin robot",)
    assert bolt.neighbours == ("jolly the clown", "snowby the snowman")
    assert bolt.request == Request("R-1", "2026-01-31", "trademark", "forget")
    assert not bolt.confidential
    assert bolt.parameters == {"steps": 20, "learning_rate": 1e-5}
    assert bolt.where.endswith("characters.yaml:6")
    assert zorb.name == "zorb the alien"
    assert (zorb.aliases, zorb.anchor, zorb.method, zorb.parameters) == ((), None, None, {})
    assert mouse.sense == Sense(("field mouse",), ("computer mouse",))


def test_what_a_list_keeps_and_what_is_only_tested(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "title: T\nowner: o\nkeep: [a  bus, an owl]\nconcepts:\n"
        "  - {id: arms, name: weapons, kind: category, members: [a  rifle, a pistol], probes: [a  sabre]}\n"
    )
    [loaded] = load_lists(tmp_path)
    assert loaded.keep == ("a bus", "an owl")
    assert (loaded.concepts[0].members, loaded.concepts[0].probes) == (("a rifle", "a pistol"), ("a sabre",))
    (tmp_path / "a.yaml").write_text(FULL)
    [plain] = load_lists(tmp_path)
    assert (plain.keep, plain.concepts[0].members, plain.concepts[0].probes) == ((), (), ())


def test_where_is_not_part_of_what_a_concept_is(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(FULL)
    before = load_lists(tmp_path)[0].concepts
    (tmp_path / "a.yaml").write_text("# one line more\n" + FULL)
    assert load_lists(tmp_path)[0].concepts == before


@pytest.mark.parametrize(
    ("raw", "encoders"),
    [
        ("single", Encoders(True, {})),
        ("joint", Encoders(False, {"joint": ("a", "b")})),
        (["single", "joint"], Encoders(True, {"joint": ("a", "b")})),
        ({"single": True, "joint": {"g": ["a"]}}, Encoders(True, {"g": ("a",)})),
        ({"joint": {"g": ["a"]}}, Encoders(False, {"g": ("a",)})),
        ({"single": True}, Encoders(True, {})),
    ],
)
def test_ways_to_write_encoders(raw: Any, encoders: Encoders) -> None:
    assert to_encoders(raw, ("a", "b")) == encoders


def test_lists_are_sorted_and_may_share_neighbours(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"{name}.yaml").write_text(
            f"title: t\nowner: o\nconcepts: [{{id: c-{name}, name: name {name}, kind: style, neighbours: [monet]}}]\n"
        )
    (tmp_path / "README.md").write_text("not a list")
    assert [loaded.id for loaded in load_lists(tmp_path)] == ["a", "b"]


def test_the_schema_is_one_and_every_field_has_a_title_and_a_description() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    concept = SCHEMA["$defs"]["concept"]["properties"]
    for name, field in {**SCHEMA["properties"], **concept}.items():
        whole = SCHEMA["$defs"][field["$ref"].rpartition("/")[2]] | field if "$ref" in field else field
        assert whole.get("title"), name
        assert whole.get("description"), name
    assert concept["kind"]["enum"] == list(KINDS)
    assert list_schema(gate_schema()) == SCHEMA


def test_the_gates_of_the_schema_come_from_above(tmp_path: Path) -> None:
    gate = {"sound": {"type": "object", "description": "thresholds of sounds"}}
    (tmp_path / "a.yaml").write_text(FULL.replace("concepts:", "gate: {sound: {}}\nconcepts:", 1))
    assert load_lists(tmp_path, Rules(gate_schema=gate))[0].gate == {"sound": {}}
    with pytest.raises(InputError, match="no key 'sound'"):
        load_lists(tmp_path)


def test_the_schemas_pattern_of_ids_is_the_codes() -> None:
    pattern = SCHEMA["$defs"]["id"]["pattern"]
    for text in ("a", "a-b_c", "con", "com1", "a--b", "-a", "A", "a.b", "", "lpt", "1"):
        assert bool(re.search(pattern, text)) == (id_problem(text) is None), text
    assert SCHEMA["$defs"]["id"]["maxLength"] == LONGEST_ID


@relaxed
@given(st.text(max_size=300))
def test_a_slug_is_an_id_whatever_the_name(text: str) -> None:
    made = slug(text)
    assert ID.fullmatch(made)
    assert id_problem(made) is None
    assert len(made) + len("-1234") <= LONGEST_ID
    assert slug(text) == made


@relaxed
@given(st.text(max_size=100))
def test_names_are_compared_in_one_form(text: str) -> None:
    assert same(same(text)) == same(text)
    assert same(text.upper().lower()) == same(text.upper().lower().casefold())
    assert same(f"  {text}\u00a0 ") == same(text)


@relaxed
@given(st.text(max_size=100))
def test_an_id_names_a_file_in_its_folder(text: str) -> None:
    if id_problem(text) is None:
        assert (Path("/x") / text).parent == Path("/x")
        assert text == text.lower()


@pytest.mark.parametrize(
    ("name", "made"),
    [("Mickey Mouse", "mickey-mouse"), ("Adolf Hirémy-Hirschl", "adolf-hiremy-hirschl"), ("A.J.Casson", "a-j-casson"),
     ("Rafał Olbiński", "rafal-olbinski"), ("Georgia O’Keeffe", "georgia-okeeffe"), ("CON", "con-1"),
     ("Phil & Lil", "phil-and-lil")],
)  # fmt: skip
def test_slugs(name: str, made: str) -> None:
    assert slug(name) == made


@relaxed
@given(PHRASE)
def test_what_is_written_is_read_back(text: str) -> None:
    written = quoted(text)
    assert (plain_value(written) if written == text else json.loads(written)) == text


@relaxed
@given(
    st.lists(PHRASE.filter(lambda text: not {"{", "}"} & {*text}), min_size=1, max_size=5, unique_by=same),
    st.sampled_from([name for name, kind in KINDS.items() if not kind.members]),
)
def test_a_written_list_is_read_back(tmp_path_factory: pytest.TempPathFactory, names: list[str], kind: str) -> None:
    entries = [DraftConcept("row", name, f"c-{i}", prompts=[f"a {{}} {i}"]) for i, name in enumerate(names)]
    folder = tmp_path_factory.mktemp("lists")
    (folder / "a.yaml").write_text(to_yaml(entries, kind, names[0], names[-1], "x.csv"), "utf-8")
    [loaded] = load_lists(folder)
    assert [concept.name for concept in loaded.concepts] == names
    assert loaded.title == names[0]


@relaxed
@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_fail(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(raw)
    tree, problems = read(file, "any.yaml")
    assert all(re.match(r"any\.yaml:\d+: .+; .+", str(problem)) for problem in problems)
    if tree is not None:
        schema_problems(tree, "any.yaml", VALIDATOR)


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.sampled_from(["a", "b c", "", "single", "2026-01-31"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["title", "owner", "encoders", "concepts", "id", "name", "kind", "aliases", "sense", "forget",
                         "keep", "prompts", "request", "received", "joint", "parameters", "anchor", "method"]),
        inner, max_size=6,
    ),
    max_leaves=25,
)  # fmt: skip


@relaxed
@given(JSONISH)
def test_the_checks_survive_any_shape_and_agree_with_the_schema(
    tmp_path_factory: pytest.TempPathFactory, data: Any
) -> None:
    folder = tmp_path_factory.mktemp("shapes")
    (folder / "a.yaml").write_text(json.dumps(data), "utf-8")
    tree, problems = read(folder / "a.yaml", "a.yaml")
    assert tree is not None
    assert tree.value == data
    assert not problems
    if not Draft202012Validator(SCHEMA).is_valid(data):
        with pytest.raises(InputError):
            load_lists(folder, Rules(Words(lambda text: [1], 10)))
