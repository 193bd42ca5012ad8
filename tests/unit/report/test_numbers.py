"""The report's parts by themselves: definitions, numbers, pairs and the plot's bubbles."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.attacks import ATTACKS
from expunge.concepts.samples import GROUPS
from expunge.metrics.catalogue import METRICS
from expunge.metrics.metric import THEMES
from expunge.report import chart, numbers
from expunge.report.definitions import definition, in_words, order, shown
from expunge.report.gate_rows import wanted
from expunge.report.pairs import Pair, drawn_first
from expunge.verdicts.statistics import wilson
from tests.support.made_run import share

# What the stage verdict writes.
EVERY = [
    *GROUPS, "target_majority", "aliases_majority", "UA", "ESR-1", "ESR-5", "PSR-1", "PSR-5", "IRA", "CRA",
    "clip_score", "clip_accuracy", "alignment", "distance", "KID", "consistency", "flicker", "dynamic", "motion",
    "subject_consistency", "beside_target", "re-emergence", "H_c", "H_o", "nearest_noun", "weight_change",
    *(f"asr:{a}" for a in (*ATTACKS, "replay")),
    *(f"{kind}:{group}" for kind in ("drift", "drift_seen") for group in ("target", "near", "general")),
]  # fmt: skip


@pytest.mark.parametrize("metric", EVERY)
def test_every_metric_is_defined_in_a_sentence(metric: str) -> None:
    what = METRICS[metric]
    assert what.title and what.text.endswith(".") and what.theme in THEMES and what.better in ("lower", "higher", "")
    assert what.text in in_words(metric)


def test_a_metric_that_is_not_known_yet_is_shown_by_its_name() -> None:
    assert definition("asr:new").title == "asr:new" and definition("asr:new").share
    assert sorted(["new", "far", "target"], key=order) == ["target", "far", "new"]


def test_values_are_shown_as_people_read_them() -> None:
    assert [shown("near", v) for v in (0.0, 0.125, 1.0, None)] == ["0 %", "12.5 %", "100 %", ""]
    assert shown("KID", 0.00012345) == "0.000123" and shown("changed_parameters", 1234567.0) == "1,234,567"


def test_how_good_a_cell_is() -> None:
    target, near = share("l", "e", "", "image", "target", 2, 8), share("l", "e", "", "image", "near", 4, 8)
    assert numbers.cell(target).good == 0.75
    assert numbers.cell(replace(near, before=0.5)).good == 1.0  # no worse than the original encoder
    assert numbers.cell(replace(near, before=None)).good == 0.5
    found = {(r.modality, r.metric): r for r in (target, near)}
    assert numbers.position(found, "image") == (0.75, 0.5) and numbers.position(found, "video") is None
    worst = numbers.shortfall(found)
    assert worst is not None and worst.metric == "near"
    assert numbers.shortfall({("image", "target"): share("l", "e", "", "image", "target", 0, 8)}) is None


def test_the_goals_of_all_attacks_are_pooled_apart_from_learnt_tokens() -> None:
    hits = {"mixture": (0, 2, 0.5), "words": (1, 8, 1.0), "inversion": (8, 8, 1.0)}
    some = [replace(share("l", "e", "", "image", f"asr:{a}", k, n), before=b) for a, (k, n, b) in hits.items()]
    found = {(r.modality, r.metric): r for r in some}
    attacks, token = numbers.attacks_pooled(found, False), numbers.attacks_pooled(found, True)
    assert attacks is not None and (attacks.metric, attacks.value, attacks.n) == ("asr:all", 0.1, 10)
    assert attacks.before == pytest.approx(0.9) and (attacks.low, attacks.high) == wilson(1, 10)
    assert token is not None and token.value == 1.0 and numbers.attacks_pooled({}, True) is None


def test_thresholds_are_said_in_the_unit_of_their_metric() -> None:
    assert wanted("target", "<= 0.15", 1.0) == "≤ 15 %"
    assert wanted("near", ">= 0.85 of before", 0.5) == "≥ 42.5 % (0.85 of before)"
    assert wanted("alignment", ">= 0.9 of before", 0.8) == "≥ 0.72 (0.9 of before)"
    assert wanted("dynamic", ">= 0.5 of before", 0.005) == "≥ 0 % (nothing to lose)"
    assert wanted("near", ">= 0.9 of before", None) == "≥ 0.9 of before" and wanted("near", "odd", 1.0) == "odd"


def test_samples_that_the_original_drew_stand_first_and_prompts_take_turns() -> None:
    def pair(prompt: str, before: float, modality: str = "image") -> Pair:
        return Pair("target", modality, prompt, 0, None, None, before, 0.0)

    some = [pair("a", 0.0), pair("b", 1.0), pair("b", 1.0), pair("c", 1.0), pair("c", 1.0, "video")]
    shown_ = [(p.prompt, p.modality) for p in drawn_first(some)]
    assert shown_ == [("c", "video"), ("b", "image"), ("b", "image"), ("c", "image"), ("a", "image")]


places = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.sampled_from(chart.VERDICTS)), min_size=1, max_size=60)


@given(places)
def test_every_encoder_is_in_one_bubble_inside_the_plot(some: list[tuple[float, float, str]]) -> None:
    points = [chart.Point(f"l/e{i}", *place) for i, place in enumerate(some)]
    panel = chart.panel("image", points)
    assert sorted(name for b in panel.bubbles for name in b.names) == sorted(p.name for p in points)
    assert panel.places.keys() == {p.name for p in points}
    for bubble in panel.bubbles:
        assert chart.LEFT - 0.1 <= bubble.x <= chart.WIDTH - chart.RIGHT + 0.1
        assert chart.TOP - 0.1 <= bubble.y <= chart.HEIGHT - chart.BOTTOM + 0.1
        verdicts = {p.verdict for p in points if p.name in bubble.names}
        expected = [v for v in chart.VERDICTS if v in verdicts] if len(verdicts) > 1 else []
        assert [v for v, _ in bubble.slices] == expected


def test_better_lies_up_and_to_the_right() -> None:
    panel = chart.panel("image", [chart.Point("l/bad", 0.2, 0.5, "fail"), chart.Point("l/good", 1.0, 1.0, "pass")])
    by_name = {b.names[0]: b for b in panel.bubbles}
    assert by_name["l/good"].x > by_name["l/bad"].x and by_name["l/good"].y < by_name["l/bad"].y
    assert panel.xs[-1][1] == "20" and panel.xs[0][1] == "100" and panel.xs[0][0] == by_name["l/good"].x
