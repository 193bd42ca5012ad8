"""Rates of encoders, worked out by hand."""

from typing import Any

import pytest

from expunge.attacks.records import Attempt, Outcome
from expunge.concepts.confidential import Secret, Veil
from expunge.core.codes import CODE
from expunge.verdicts.rates import Rate
from expunge.verdicts.statistics import bootstrap, harmonic, wilson
from expunge.verdicts.tally import rates_of
from tests.support.made_plan import made_concept, made_plan

PLAN = made_plan(
    {f"l/{id_}": made_concept(id_, kind=kind, aliases=(), neighbours=())
     for id_, kind in (("a", "character"), ("b", "character"), ("s", "style"), ("m", "motion"))},
    {"l/a": ["l/a"], "l/joint": ["l/a", "l/b"], "l/s": ["l/s"], "l/m": ["l/m"]},
)  # fmt: skip


def sample(
    encoder: str, concept: str, group: str, seed: int, modality: str = "image", axis: str = "subject",
    prompt: str = "", **values: float,
) -> list[dict[str, Any]]:  # fmt: skip
    about = {"list": "l", "encoder": encoder, "concept": concept, "modality": modality, "group": group, "seed": seed}
    text = prompt or f"{concept} {group} {seed}"
    return [
        {**about, "sample": seed, "prompt": text, "axis": axis, "asked": "x", "metric": metric,
         "value": value} for metric, value in values.items()
    ]  # fmt: skip


def pair(concept: str, group: str, seed: int, before: dict[str, float], encoder: str = "", **more: Any) -> list[Any]:
    """A sample with the original encoder and with another."""
    drawn = {key: value for key, value in more.items() if key in ("modality", "axis", "prompt")}
    after = {key: value for key, value in more.items() if key not in drawn}
    return sample("original", concept, group, seed, **drawn, **before) + sample(
        encoder or concept, concept, group, seed, **drawn, **after
    )


def table(rates: list[Rate], encoder: str, concept: str = "", modality: str = "image") -> dict[str, Rate]:
    return {r.metric: r for r in rates if (r.encoder, r.concept, r.modality) == (encoder, concept, modality)}


def shares(rate: Rate, successes: float, n: int, before: float | None) -> None:
    assert rate.value == pytest.approx(successes / n) and rate.n == n and rate.before == before
    assert (rate.low, rate.high) == pytest.approx(wilson(successes, n))


def test_what_is_forgotten_and_kept_of_one_concept() -> None:
    rows = [
        *(row for i in range(8) for row in pair("a", "target", i, {"seen": 1, "seen5": 1}, seen=i == 0, seen5=i < 3)),
        *(row for i in range(4) for row in pair("a", "aliases", i, {"seen": i > 0}, seen=i > 1)),
        *(row for i in range(4) for row in pair("a", "near", i, {"seen": 1, "seen5": 1}, seen=i > 0, seen5=1)),
        *(row for i in range(2) for row in pair("a", "far", i, {"seen": 1, "seen5": 1}, axis="style", seen=i, seen5=1)),
    ]  # fmt: skip
    found = table(rates_of(rows, PLAN), "a")
    shares(found["target"], 1, 8, 1.0)
    shares(found["UA"], 7, 8, 0.0)
    shares(found["ESR-1"], 7, 8, 0.0)
    shares(found["ESR-5"], 5, 8, 0.0)
    shares(found["aliases"], 2, 4, 0.75)
    shares(found["near"], 3, 4, 1.0)
    shares(found["far"], 1, 2, 1.0)
    shares(found["IRA"], 3, 4, 1.0)  # asked about subjects, as the concept is
    shares(found["CRA"], 1, 2, 1.0)
    shares(found["PSR-1"], 4, 6, 1.0)
    shares(found["PSR-5"], 6, 6, 1.0)
    # MACE: 2 / (1 / (7/8) + 1 / (4/6)) and 3 / (1 / (7/8) + 1 / (4/6) + 1 / (2/4))
    assert found["H_c"].value == pytest.approx(0.756757, abs=1e-6)
    assert found["H_o"].value == pytest.approx(0.646154, abs=1e-6)
    assert found["H_c"].low == pytest.approx(harmonic([wilson(7, 8)[0], wilson(4, 6)[0]]))
    assert (found["H_c"].before, found["H_o"].before, found["H_c"].n) == (0, 0, 14)
    assert not found.keys() & {"sense", "target_majority", "KID", "motion", "not aliases"}


def test_company_has_two_rates_and_is_in_no_number_over_all_that_is_kept() -> None:
    rows = [
        *(row for i in range(4) for row in pair("a", "beside", i, {"seen": 1, "target_seen": i > 0}, axis="glance",
                                                seen=i > 2, target_seen=i == 0, distance=1, alignment=1)),
        *pair("a", "near", 0, {"seen": 1}, seen=1, distance=0, alignment=2),
    ]  # fmt: skip
    found = table(rates_of(rows, PLAN), "a")
    shares(found["beside"], 1, 4, 1.0)
    shares(found["beside_target"], 1, 4, 0.75)
    shares(found["PSR-1"], 1, 1, 1.0)
    assert (found["distance"].n, found["alignment"].n) == (1, 1) and "CRA" not in found and "target" not in found


def test_videos_in_which_the_target_comes_back() -> None:
    rows = [row for i in range(3) for row in pair("a", "target", i, {"returns": 0}, modality="video", returns=i == 1)]
    shares(table(rates_of(rows, PLAN), "a", modality="video")["re-emergence"], 1, 3, 0.0)


def test_means_have_bootstrap_intervals() -> None:
    values = [0.1, 0.2, 0.6]
    rows = [
        row for i, v in enumerate(values) for row in pair("a", "near", i, {"alignment": 1}, alignment=v, distance=v)
    ]
    rows += pair("a", "target", 0, {"clip_score": 1, "alignment": 1}, clip_score=0.5, alignment=0, distance=2)
    found = table(rates_of(rows, PLAN), "a")
    low, high = bootstrap(values)
    assert found["alignment"] == Rate("l", "a", "", "image", "alignment", pytest.approx(0.3), low, high, 3, 1.0)
    assert found["distance"].before is None and found["distance"].value == pytest.approx(0.3)  # kept samples alone
    assert (found["clip_score"].value, found["clip_score"].low, found["clip_score"].n) == (0.5, None, 1)


def test_movement_leaves_out_motions_that_must_go() -> None:
    still = {"dynamic": 0.0, "motion": 0.0, "consistency": 1.0}
    moving = {"dynamic": 0.4, "motion": 1.0, "consistency": 0.8}
    rows = [
        *pair("m", "target", 0, moving, modality="video", axis="motion", seen=0, **still),
        *pair("m", "near", 1, moving, modality="video", axis="motion", seen=1, **moving),
        *pair("a", "target", 0, moving, modality="video", seen=1, majority=0, **still),
        *pair("a", "near", 1, moving, modality="video", seen=1, majority=1, **still),
    ]  # fmt: skip
    rates = rates_of(rows, PLAN)
    kept, frozen = table(rates, "m", modality="video"), table(rates, "a", modality="video")
    assert (kept["dynamic"].value, kept["motion"].value, kept["motion"].n) == (0.4, 1, 1)
    assert (frozen["dynamic"].value, frozen["motion"].value, frozen["consistency"].value) == (0, 0, 1)
    assert (frozen["dynamic"].before, frozen["motion"].before, frozen["motion"].n) == (0.4, 1, 2)
    assert (frozen["target"].value, frozen["target_majority"].value) == (1, 0)
    assert "target_majority" not in kept and kept["IRA"].n == 1


def test_a_joint_encoder_has_rates_of_its_own_and_of_each_concept() -> None:
    shared = {"encoder": "joint", "prompt": "a teapot"}
    rows = [row for c in "ab" for row in pair(c, "far", 5, {"seen": 1}, **shared, seen=1)]
    rows += pair("a", "target", 0, {"seen": 1}, "joint", seen=0) + pair("b", "target", 0, {"seen": 0}, "joint", seen=1)
    rows += sample("original", "a", "far", 6, seen=0)  # the joint encoder leaves it out
    rates = rates_of(rows, PLAN)
    assert {r.concept for r in rates} == {"", "a", "b"} and {r.encoder for r in rates} == {"joint"}
    shares(table(rates, "joint")["far"], 1, 1, 1.0)  # the same picture twice is one sample
    shares(table(rates, "joint")["target"], 1, 2, 0.5)
    shares(table(rates, "joint", "b")["target"], 1, 1, 0.0)
    assert rates == sorted(rates, key=lambda r: r.key)
    assert rates == rates_of(reversed(rows), PLAN)


def test_closed_rows_give_the_same_rates() -> None:
    rows = [row for i in range(4) for row in pair("a", "target", i, {"seen": 1}, prompt="a of names", seen=i == 1)]
    hidden = Veil("s", {"l/a": Secret(("names",))}).closed(rows)
    assert all(CODE.fullmatch(row["prompt"]) for row in hidden) and hidden != rows
    assert rates_of(hidden, PLAN) == rates_of(rows, PLAN) != []


def attempt(
    attack: str, goal: int, before: bool | None, after: bool, concept: str = "l/a", modality: str = "image"
) -> Attempt:
    old, new = (None if seen is None else Outcome(seen, 0.5, "x.png") for seen in (before, after))
    assert new is not None
    return Attempt(concept, attack, goal, modality, "p", 0, old, new)


def test_a_goal_falls_to_any_of_its_tries() -> None:
    attempts = {"l/a": [
        attempt("words", 0, True, False), attempt("words", 0, True, True), attempt("words", 0, False, False),
        attempt("words", 1, True, False), attempt("words", 2, False, False), attempt("words", 3, False, False),
        attempt("words", 0, True, True, modality="video"),
        attempt("inversion", 0, None, True), attempt("inversion", 1, None, False),
    ]}  # fmt: skip
    rates = rates_of([], PLAN, attempts)
    shares(table(rates, "a")["asr:words"], 1, 4, 0.5)
    shares(table(rates, "a", modality="video")["asr:words"], 1, 1, 1.0)
    shares(table(rates, "a")["asr:inversion"], 1, 2, None)


def test_a_joint_encoders_attacks_are_told_apart_by_concept() -> None:
    attempts = {"l/joint": [attempt("seeds", 0, True, True), attempt("seeds", 0, True, False, concept="l/b")]}
    rates = rates_of([], PLAN, attempts)
    shares(table(rates, "joint")["asr:seeds"], 1, 2, 1.0)
    shares(table(rates, "joint", "a")["asr:seeds"], 1, 1, 1.0)
    shares(table(rates, "joint", "b")["asr:seeds"], 0, 1, 1.0)


def test_drift_and_kid_by_encoder() -> None:
    drift = {"l/joint": {
        "encoder": {"target": {"plain": 0.5, "seen": 1.1, "n": 8}, "nearest_noun": {"share": 0.75, "n": 4, "moved": {}},
                    "weight_change": {"total": 0.1, "layers": {"layer 0": 0.1, "embeddings": 0}}},
        "concepts": {"l/a": {"target": {"plain": 0.4, "seen": 1.0, "n": 4}}, "l/b": {}},
    }}  # fmt: skip
    kid = {"l/joint/l--a": {"KID": 0.1, "n": 4}, "l/joint/l--b": {"KID": 0.4, "n": 8}, "l/a/l--a": {}}
    rates = rates_of([], PLAN, drift=drift, kid=kid)
    text = table(rates, "joint", modality="text")
    assert {name: rate.value for name, rate in text.items()} == {
        "drift:target": 0.5, "drift_seen:target": 1.1, "nearest_noun": 0.75, "weight_change": 0.1,
    }  # fmt: skip
    shares(text["nearest_noun"], 3, 4, None)
    assert table(rates, "joint", "a", "text")["drift_seen:target"].value == 1.0
    assert table(rates, "joint")["KID"].value == pytest.approx(0.3) and table(rates, "joint")["KID"].n == 12
    assert table(rates, "joint", "b")["KID"].value == 0.4 and not table(rates, "a")


def test_of_a_category_the_member_that_went_least_is_told() -> None:
    plan = made_plan({"l/c": made_concept("c", kind="category", members=("p", "q"))}, {"l/c": ["l/c"]})

    def asked(word: str, seeds: range, seen: int) -> list[Any]:
        rows = [row for i in seeds for row in pair("c", "target", i, {"seen": i % 2}, axis="any", seen=i % 10 < seen)]
        return [{**row, "asked": word} for row in rows]

    rows = [*asked("p", range(4), 0), *asked("q", range(10, 14), 3), *asked("c", range(20, 22), 0)]
    probes = [row for i in range(2) for row in pair("c", "probes", i, {"seen": 1}, axis="any", seen=i)]
    found = table(rates_of([*rows, *probes], plan), "c")
    shares(found["target"], 3, 10, 0.5)
    shares(found["worst_member"], 3, 4, 0.5)
    shares(found["probes"], 1, 2, 1.0)
    alone = [row for i in range(4) for row in pair("a", "target", i, {"seen": 1}, seen=0)]
    assert "worst_member" not in table(rates_of(alone, PLAN), "a")
