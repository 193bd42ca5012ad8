"""JSON, JSON lines and YAML: what stands beside a name decides, and what is not understood is refused."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.concepts import decisions
from expunge.core.errors import InputError
from tests.support.made_list import made, names, refused

ORLA = {"name": "Orla Vint"}
REQUEST = {"id": "R-1", "received": "2026-01-01", "basis": "x"}


def outcome(folder: Path, data: Any) -> tuple[list[str], list[str], list[str]]:
    """(names that are forgotten, that are kept, rows that are refused)."""
    kept, done = made(folder, "a.json", json.dumps(data))
    return names(kept), list(kept.keep), list(refused(done))


# Records


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ({"keep": "ja"}, "keep"), ({"keep": 1.0}, "keep"), ({"protected": "yes, by contract"}, "protected"),
        ({"keep": ["keep"]}, "keep"), ({"keep": [True]}, "keep"), ({"flags": ["keep"]}, "flags"),
        ({"kind": "keep"}, "kind"), ({"aliases": "keep"}, "aliases"), ({"aliases": ["I", "rejected"]}, "aliases"),
        ({"anchor": "do not remove"}, "anchor"), ({"anchor": "erase"}, "anchor"), ({"basis": "rejected"}, "basis"),
        ({"decided": "pending"}, "decided"), ({"ticket": "pending"}, "ticket"), ({"probes": ["keep"]}, "probes"),
        ({"neighbours": ["Bo", "rejected"]}, "neighbours"), ({"erase": ["no"]}, "erase"),
        ({"meta": {"status": "rejected"}}, "rejected"), ({"log": [{"x": 1}, {"status": "open"}]}, "open"),
        ({"status": ["rejected"]}, "rejected"), ({"request": {**REQUEST, "decision": "reject"}}, "reject"),
        ({"request": {**REQUEST, "decision": "pending"}}, "pending"), ({"decision": "forget", "keep": True}, "both"),
        ({"artists": ["Bo Alm"]}, "artists"), ({"request": {**REQUEST, "note": "do not remove"}}, "note"),
    ],
)  # fmt: skip
def test_a_record_is_refused_for_what_stands_anywhere_in_it(said: dict[str, Any], key: str, tmp_path: Path) -> None:
    kept, done = made(tmp_path, "a.json", json.dumps([ORLA, {"name": "Ines Marbury", **said}]))
    assert names(kept) == ["Orla Vint"] and kept.keep == ()
    assert key in refused(done)["2"]


def test_a_list_below_keep_names_neighbours(tmp_path: Path) -> None:
    kept, _ = made(tmp_path, "a.json", json.dumps([{**ORLA, "keep": ["Bo Alm"], "exceptions": [], "kind": "erase"}]))
    assert kept.concepts[0].neighbours == ("Bo Alm",)


def test_a_request_of_our_own_shape_is_read(tmp_path: Path) -> None:
    kept, _ = made(tmp_path, "a.json", json.dumps([{**ORLA, "request": {**REQUEST, "decision": "forget"}}]))
    request = kept.concepts[0].request
    assert request is not None and (request.id, request.basis, request.decision) == ("R-1", "x", "forget")
    data = {"concepts": [ORLA, {"name": "Ines", "request": {**REQUEST, "decision": "keep"}}], "keep": ["Bo Alm"]}
    assert outcome(tmp_path, data) == (["Orla Vint"], ["Ines", "Bo Alm"], [])


# Beside lists


@pytest.mark.parametrize(
    ("beside", "kept"),
    [
        ({"status": "rejected", "artists": ["Ines"]}, False), ({"action": "keep", "concepts": ["Ines"]}, True),
        ({"keep": True, "names": ["Ines"]}, True), ({"erase": False, "names": ["Ines"]}, False),
        ({"artist": {"name": "Ines"}, "status": "rejected"}, False), ({"split": "holdout", "artists": ["Ines"]}, True),
        ({"protected": "yes, by contract", "names": ["Ines"]}, False),
        ({"keep_by_contract": True, "names": ["Ines"]}, False),
        ({"comment": "do not remove", "names": ["Ines"]}, False), ({"names": ["Ines"], "tags": ["keep"]}, False),
        ({"meta": {"status": "rejected"}, "artists": ["Ines"]}, False),
        ({"request": {"decision": "reject"}, "names": ["Ines"]}, False),
        ({"anchor": "keep", "names": ["Ines"]}, False), ({"name": ["Ines", "Bo"], "keep": [False, True]}, False),
        ({"names": ["Ines"], "decision": ["forget"]}, False), ({"title": "keep list", "names": ["Ines"]}, False),
    ],
)  # fmt: skip
def test_what_stands_beside_a_list_decides_about_it(beside: dict[str, Any], kept: bool, tmp_path: Path) -> None:
    forgotten, keep, rows = outcome(tmp_path, [{"status": "approved", "artists": ["Orla Vint"]}, beside])
    assert forgotten == ["Orla Vint"] and keep == (["Ines"] if kept else []) and bool(rows) != kept


def test_settings_decide_nothing(tmp_path: Path) -> None:
    data = {"device": "cuda", "resolution": 512, "erase_scale": 1.0, "preserve_scale": 0.1, "method": "ablation",
            "erase_concepts": ["Orla Vint"], "retain_concepts": ["Ines"]}  # fmt: skip
    assert outcome(tmp_path, data) == (["Orla Vint"], ["Ines"], [])
    assert outcome(tmp_path, {"erase_concept": "Orla Vint", "keep_concept": "Ines"}) == (["Orla Vint"], ["Ines"], [])


# Keys


@pytest.mark.parametrize("key", ["exception_list", "artists_who_agreed", "irrelevant_concepts", "nontarget_concepts",
                                 "benign_concepts", "related_concepts", "validation_concepts",
                                 "control_objects", "except_people"])  # fmt: skip
def test_names_below_a_key_that_is_not_understood_are_refused(key: str, tmp_path: Path) -> None:
    for below in (["Ines"], {"names": ["Ines"]}, [{"name": "Ines"}], {"name": "Ines"}, {"Ines": "a woman"}):
        kept, done = made(tmp_path, "a.json", json.dumps({"people": ["Orla Vint"], key: below}))
        assert names(kept) == ["Orla Vint"] and [key in why for why in refused(done).values()] == [True]
        kept, done = made(tmp_path, "a.json", json.dumps({"remove": {"people": ["Orla Vint"], key: below}}))
        assert names(kept) == ["Orla Vint"] and len(refused(done)) == 1


def test_a_key_that_is_not_understood_says_how_to_mend_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the key 'benign' is not understood; rename it to erase or keep, or name it"):
        made(tmp_path, "a.json", '{"benign": {"names": ["Ines"]}}')
    with pytest.raises(InputError, match="the key 'Orla Vint' is not understood"):
        made(tmp_path, "a.json", '{"Orla Vint": ["O. Vint", "Orlie"]}')
    kept, _ = made(tmp_path, "a.json", '{"our_artists_2024_v": ["Orla Vint"]}', columns={"name": "our_artists_2024_v"})
    assert names(kept) == ["Orla Vint"]
    assert outcome(tmp_path, {"unchanged_concepts": ["Ines"], "opt_in": ["Bo"], "opt_out": ["Orla Vint"]}) == (
        ["Orla Vint"], ["Ines", "Bo"], [],
    )  # fmt: skip


def test_sections_and_ids_stay_readable(tmp_path: Path) -> None:
    for data in (
        {"celebrity": {"c1": ORLA}}, {"run 1": {"device": "cuda", "concepts": ["Orla Vint"]}}, {"1": "Orla Vint"},
        {"a run": {"erase": ["Orla Vint"]}}, {"data": {"rows": [ORLA]}}, {"Orla Vint": {"target": "Orla Vint"}},
    ):  # fmt: skip
        assert outcome(tmp_path, data) == (["Orla Vint"], [], []), data


# Pairs, values, tables


def test_pairs_and_values_know_the_words_of_keys(tmp_path: Path) -> None:
    pairs = [["Ines", "whitelist"], ["Bo Alm", "person", "keep"], ["Cy", False], ["Di", "do not touch"],
             ["Ida", "R-1", "no"], ["keep", "Flo", "Gus"], ["Orla Vint", "blocklist"]]  # fmt: skip
    assert outcome(tmp_path, pairs) == (["Orla Vint"], ["Ines", "Bo Alm"], ["3", "4", *[f"5/{i}" for i in (1, 2, 3)],
                                                                          *[f"6/{i}" for i in (1, 2, 3)]])  # fmt: skip
    values = {"Ines": "whitelist", "Lida": "skip", "Tom": "do not touch", "Ed": "no", "Orla Vint": "erase", "Cy": None}
    assert outcome(tmp_path, values) == (["Orla Vint"], ["Ines"], ["Lida", "Tom", "Ed", "Cy"])
    assert outcome(tmp_path, {"Ines": ["keep"], "Orla Vint": ["erase"]}) == (["Orla Vint"], ["Ines"], [])
    assert outcome(tmp_path, [ORLA, ["Ines", {"status": "rejected"}]]) == (["Orla Vint"], [], ["2"])


def test_a_mapping_of_names_to_records(tmp_path: Path) -> None:
    data = {"Orla Vint": {"decision": "forget", "aliases": ["O"]}, "Ines": {"decision": "reject"}}
    kept, done = made(tmp_path, "a.json", json.dumps(data))
    assert names(kept) == ["Orla Vint"] and kept.concepts[0].aliases == ("O",) and list(refused(done)) == ["Ines"]
    data = {"Ines": {"action": "keep"}, "Grant Wood": {"action": "erase"}}
    assert outcome(tmp_path, {"people": data}) == (["Grant Wood"], ["Ines"], [])


def test_a_header_row_makes_a_table(tmp_path: Path) -> None:
    data = [["name", "decision"], ["Orla Vint", "forget"], ["Ines", "keep"], ["Bo", "later"]]
    assert outcome(tmp_path, data) == (["Orla Vint"], ["Ines"], ["4"])


def test_a_key_of_several_mappings_is_no_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--name-column"):
        made(tmp_path, "a.json", '[{"surname": "Vint"}, {"surname": "Alm"}]')


# What is said if nothing is left


def test_what_was_kept_and_what_was_not_read_is_said(tmp_path: Path) -> None:
    for text, says in (
        ('{"keep": ["Ines", "Bo"]}', r"\(2 names are to be kept\)"), ('{"Ines": false}', r"\(not read: key Ines\)"),
        ('{"name": ["Ines"], "decision": ["forget"]}', "write a record for each name"), ("[]", "it is empty"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=says):
            made(tmp_path, "a.json", text)


# Speed


@given(st.data())
def test_the_quick_test_misses_no_deciding_word(data: Any) -> None:
    group = data.draw(st.sampled_from(decisions._GROUPS[:4]))
    word = data.draw(st.from_regex(re.compile(group.pattern), fullmatch=True))
    for text in (word, word.upper(), word.title(), f"x {word}", f"to{word.title()}", f"list_{word}", f"1{word}2"):
        assert decisions.may_decide(text)
