"""Samples of renders, and what is measured of them."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from expunge.concepts.samples import FORGET
from expunge.core.media import write_png, write_strip
from expunge.judging import features as stored
from expunge.judging import formulas as quality
from expunge.judging import judge as judges
from expunge.judging import measure, seen, zero_shot
from expunge.judging.samples import Sample, read_samples
from expunge.judging.sight import sights_of
from expunge.judging.table import MEASURES, frame_measure
from expunge.judging.texts import usual_texts
from expunge.metrics.catalogue import formulas
from tests.support.tiny_judge import VIT, load, make_folder, noise, sample

UNIT = {"list": "l", "encoder": "e", "concept": "c"}


def measured(judge: Any, some: list[Sample], originals: Any = (), **more: Any) -> list[dict[str, Any]]:
    return measure.measure(judge, some, UNIT, "j", originals, formulas=formulas(), **more)


@pytest.mark.parametrize(
    ("frames", "any_", "majority"),
    [([0, 0, 0], False, False), ([0, 1, 0, 0], True, False), ([1, 1, 0, 0], True, False), ([1, 1, 0], True, True)],
)
def test_any_frame_counts_on_what_must_go_and_a_majority_on_what_must_stay(
    frames: list[int], any_: bool, majority: bool
) -> None:
    top1 = np.array(frames, bool)
    assert [seen.seen_in_video(top1, g) for g in ("target", "aliases")] == [any_] * 2
    assert [seen.seen_in_video(top1, g) for g in ("near", "far", "sense")] == [majority] * 3


def test_renders_are_read_and_a_picture_shows_no_motion(tmp_path: Path) -> None:
    video = noise(4, 8, 8)
    rows = [
        {"group": group, "prompt": f"p{index}", "seed": index, "modality": modality, "file": f"{index}.png",
         "asks": {"axis": axis, "name": "owl"}}
        for index, (group, modality, axis) in enumerate([
            ("target", "image", "subject"), ("near", "image", "motion"), ("near", "video", "motion"),
        ])
    ]  # fmt: skip
    for row in rows:
        if row["modality"] == "video":
            write_strip(tmp_path / row["file"], video)
        else:
            write_png(tmp_path / row["file"], video[1])
    (tmp_path / "prompts.json").write_text(json.dumps(rows))
    first, last = read_samples(tmp_path, 4)
    assert (first.index, last.index, last.axis) == (0, 2, "motion")
    assert np.array_equal(first.pixels, video[1]) and np.array_equal(last.pixels, video)


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> judges.Judge:
    return load(make_folder(tmp_path_factory.mktemp("judge"), VIT, motion=True))


def samples() -> list[Sample]:
    pictures, videos = noise(3, 32, 32), noise(3, 4, 32, 32)
    texts = ["an owl", "the night bird", "a field mouse"]
    names = ["owl", "owl", "field mouse"]
    images = [
        sample(i, group, texts[i], i, "image", "subject", names[i], pictures[i])
        for i, group in enumerate(("target", "aliases", "near"))
    ]
    groups = ("target", "near", "near")
    asked = [
        ("an owl", "subject", "owl"),
        ("an owl spinning", "subject", "owl"),
        ("an owl spinning", "motion", "spinning"),
    ]
    return images + [
        sample(3 + i, groups[i], prompt, i, "video", axis, name, videos[i])
        for i, (prompt, axis, name) in enumerate(asked)
    ]


def by_sample(rows: list[dict[str, Any]]) -> dict[int, dict[str, float]]:
    found: dict[int, dict[str, float]] = {}
    for row in rows:
        found.setdefault(row["sample"], {})[row["metric"]] = row["value"]
    return found


def test_every_sample_has_its_metrics_and_every_row_says_how_it_came_about(judge: judges.Judge) -> None:
    some = samples()
    how = {"image": {"solver": "A", "steps": 2, "guidance": 3.0}, "video": {"solver": "B", "steps": 4, "guidance": 1.0}}
    before = {index: features[..., ::-1] for index, features in stored.encode(judge, some).items()}
    rows = measured(
        judge, some, some, original_features=before, anchors=["a bird", ""], drawn_with=how, versions="torch 2"
    )
    found = by_sample(rows)
    looked = {"seen", "seen5", "confidence", "margin"}
    scored = {"clip_score", "alignment", "distance"}
    filmed = {"consistency", "subject_consistency", "flicker", "dynamic"}
    assert set(found[0]) == set(found[1]) == looked | scored | {"clip_accuracy", "clear"}
    assert set(found[2]) == looked | scored
    by_frame = {"returns", *map(frame_measure, range(4))}
    assert set(found[3]) == looked | scored | filmed | by_frame | {"frames", "majority", "clip_accuracy", "clear"}
    assert set(found[4]) == looked | scored | filmed | {"frames", "majority", "motion"}
    assert set(found[5]) == (looked | scored | filmed | {"motion"}) - {"clip_score"}
    told = {*MEASURES, *formulas(), *by_frame} - {"frame:0, frame:1, ...", "target_seen"}
    assert set().union(*found.values()) == told
    assert {(r["modality"], r["solver"], r["steps"], r["guidance"]) for r in rows} == {
        ("image", "A", 2, 3.0), ("video", "B", 4, 1.0),
    }  # fmt: skip
    assert {(r["versions"], r["judge"], r["list"]) for r in rows} == {("torch 2", "j", "l")}
    assert np.isfinite([r["value"] for r in rows]).all()


def test_metrics_are_those_of_the_sample(judge: judges.Judge) -> None:
    some = samples()
    known = stored.encode(judge, some)
    found = by_sample(measured(judge, some, some, features=known, original_features=known))
    text, prompt = judges.text_features(judge, ["A photo depicts owl", "the night bird"])
    assert found[1]["clip_score"] == pytest.approx(quality.clip_score(known[1], text), abs=1e-5)
    assert found[1]["alignment"] == pytest.approx(quality.clip_score(known[1], prompt), abs=1e-5)
    assert found[3]["dynamic"] == pytest.approx(quality.dynamic(some[3].pixels), abs=1e-5)
    assert all(values["distance"] == pytest.approx(0, abs=1e-6) for values in found.values())
    assert "clip_accuracy" not in found[0]  # nothing is known to compare it with
    assert found == by_sample(measured(judge, some, some, original_features=known))  # features are as good as frames
    assert all("distance" not in values for values in by_sample(measured(judge, some)).values())


def test_originals_are_found_by_prompt_and_seed(judge: judges.Judge) -> None:
    """A joint encoder leaves samples out, so that positions differ."""
    some = samples()
    before = stored.encode(judge, some)
    moved = Sample(0, some[2].planned, some[2].pixels)
    rows = measured(judge, [moved], some, original_features=before)
    assert by_sample(rows)[0]["distance"] == pytest.approx(0, abs=1e-5)
    other = sample(0, "near", "asked of nobody", 9, "image", "subject", "owl", some[2].pixels)
    assert "distance" not in by_sample(measured(judge, [other], some, original_features=before))[0]


def test_features_are_read_as_they_were_written(judge: judges.Judge, tmp_path: Path) -> None:
    known = stored.encode(judge, samples())
    assert {index: features.shape for index, features in known.items()} == {
        **dict.fromkeys(range(3), (16,)), **dict.fromkeys(range(3, 6), (4, 16)),
    }  # fmt: skip
    stored.write_features(tmp_path / "a.safetensors", known)
    found = stored.read_features(tmp_path / "a.safetensors")
    assert found.keys() == known.keys() and all(np.array_equal(found[i], known[i]) for i in known)
    assert stored.encode(judge, []) == {} and measured(judge, []) == []


def test_versions_name_what_numbers_depend_on() -> None:
    import torch

    names = dict(part.split(" ", 1) for part in measure.versions().split("; "))
    assert set(names) == {"torch", "diffusers", "transformers", "open_clip", "expunge"}
    assert torch.__version__.startswith(names["torch"])


BLIND: Any = SimpleNamespace(labels={}, templates={}, motion=None)


def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge that is not asked for features."""
    monkeypatch.setattr(judges, "with_names", lambda judge, asks: judge)
    monkeypatch.setattr(judges, "features", lambda judge, frames: np.ones((*frames.shape[:-3], 1), np.float32))
    monkeypatch.setattr(judges, "text_features", lambda judge, texts: np.ones((len(texts), 1), np.float32))


def test_the_rules_of_the_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge that sees red frames as "owl"; as the second or third it always does."""

    def sees(_: Any, frames: np.ndarray, axis: str, names: list[str], known: Any) -> zero_shot.Seen:
        top1 = np.asarray(frames[..., 0, 0, 0] > 128)
        return zero_shot.Seen(top1, np.where(top1, 0.5, -0.5), np.where(top1, 0.8, 0.2), np.ones_like(top1))

    fake(monkeypatch)
    monkeypatch.setattr(zero_shot, "sees", sees)
    video = np.zeros((4, 8, 8, 3), np.uint8)
    video[1, ..., 0] = 255

    def one(index: int, group: str, modality: str) -> Sample:
        return sample(index, group, "p", index, modality, "subject", "owl", video if modality == "video" else video[1])

    some = [one(0, "target", "image"), one(1, "target", "video"), one(2, "near", "video")]
    found = by_sample(measured(BLIND, some))
    assert found[0]["seen"] == found[0]["seen5"] == 1 and "frames" not in found[0]
    keys = ("seen", "seen5", "majority", "frames", "confidence")
    assert [found[1][key] for key in keys] == [1, 1, 0, 0.25, 0.8]  # any frame, and its confidence
    assert [found[2][key] for key in keys] == [0, 1, 0, 0.25, 0.35]


def test_of_a_category_any_member_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def sees(_: Any, frames: np.ndarray, axis: str, names: list[Any], known: Any) -> zero_shot.Seen:
        asked.append((axis, names))
        return zero_shot.Seen(np.ones(len(frames), bool), np.ones(len(frames)), np.ones(len(frames)))

    fake(monkeypatch)
    monkeypatch.setattr(zero_shot, "sees", sees)
    some = [sample(0, "probes", "p", 0, "image", "any", "food", np.zeros((8, 8, 3), np.uint8), ("owl", "lamp"))]
    assert seen.asks_of(some[0]) == [("subject", "owl"), ("subject", "lamp")]
    assert by_sample(measured(BLIND, some))[0]["seen"] == 1.0
    assert asked == [("subject", [("owl", "lamp")])]


def test_copies_and_compositions_are_looked_at_in_their_own_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    memorised, other = draw.integers(0, 256, (2, 64, 64, 3), np.uint8)
    noisy = (memorised.astype(int) + draw.integers(-20, 20, memorised.shape)).clip(0, 255).astype(np.uint8)

    def one(index: int, pixels: np.ndarray, axis: str = "copy", modality: str = "image") -> Sample:
        return sample(index, "target", "p", index, modality, axis, "x", pixels, ("owl", "lamp"))

    fake(monkeypatch)
    monkeypatch.setattr(
        zero_shot, "sees_both", lambda judge, frames, axis, first, second: np.array([first == ["owl"]] * len(frames))
    )
    video = np.stack([other, memorised])
    some = [one(0, noisy), one(1, other), one(2, video, modality="video"), one(3, other, "both")]
    rows = measured(BLIND, some, [one(9, memorised)] * 3)
    assert [r["value"] for r in rows if r["metric"] == "seen"] == [1.0, 0.0, 1.0, 1.0]
    assert [r["value"] for r in rows if r["metric"] == "frames"] == [0.5]  # any frame that is a copy counts
    assert not any(r["metric"] == "seen5" for r in rows)  # nothing is ranked
    assert seen.asks_of(some[3]) == [("subject", "owl"), ("subject", "lamp")]
    with pytest.raises(ValueError, match="nothing to compare"):
        measured(BLIND, some[:1])


def test_a_blur_is_not_clear(judge: judges.Judge) -> None:
    """Of the target and its aliases alone: is the judge sure of something, whatever it is?"""
    some = samples()
    found = by_sample(measured(judge, some, some))
    assert {i for i, values in found.items() if "clear" in values} == {s.index for s in some if s.group in FORGET}
    sure = replace(judge, embeddings={"subject": 100 * judge.embeddings["subject"], **{
        axis: rows for axis, rows in judge.embeddings.items() if axis != "subject"}})  # fmt: skip
    unsure = replace(judge, embeddings={**judge.embeddings, "subject": 0 * judge.embeddings["subject"]})
    for some_judge, value in ((sure, 1), (unsure, 0)):
        values = by_sample(measured(some_judge, some, some)).values()
        assert {each["clear"] for each in values if "clear" in each} == {value}


def test_rows_have_one_order_and_new_metrics_come_last(judge: judges.Judge) -> None:
    some = samples()
    before = stored.encode(judge, some)
    own = {"new": lambda sight: 0.5, "nothing": lambda sight: None, **formulas()}
    rows = measure.measure(judge, some, UNIT, "j", some, formulas=own, original_features=before, anchors=["a bird"])
    names = [row["metric"] for row in rows if row["sample"] == 3]  # a video of the target
    frames = [frame_measure(frame) for frame in range(4)]
    assert names == [*(name for name in measure.ORDER if name not in ("motion", "target_seen")), *frames, "new"]
    assert all([row["metric"] for row in rows if row["sample"] == i][-1] == "new" for i in range(len(some)))
    assert [row["sample"] for row in rows] == sorted(row["sample"] for row in rows)


def test_all_usual_texts_are_encoded_in_one_pass(judge: judges.Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    some, passes = samples(), list[list[str]]()
    encode = judges.text_features

    def counted(judge: Any, texts: Any) -> Any:
        passes.append(list(texts))
        return encode(judge, texts)

    monkeypatch.setattr(judges, "text_features", counted)
    measured(judge, some, anchors=["a bird", ""])
    assert len(passes) == 1 and "a picture of a bird" in passes[0]
    rare = {"rare": lambda sight: float(sight.text("a blur") @ sight.text("a blur"))}
    rows = measure.measure(judge, some, UNIT, "j", formulas=rare)
    assert passes[2:] == [["a blur"]]  # once for all samples
    assert [row["value"] for row in rows if row["metric"] == "rare"] == pytest.approx([1] * len(some))


def test_a_sight_has_what_the_original_encoder_drew(judge: judges.Judge) -> None:
    some = samples()
    features = stored.encode(judge, some)
    sights = sights_of(judge, some, features, some[:1], {0: features[1]}, ["a bird"])
    assert sights[0].original_features is features[1] and sights[1].original_features is None
    assert sights[0].anchors == ("a bird",) and sights[0].text("an owl").shape == (16,)
    assert np.array_equal(sights[0].text("an owl"), judges.text_features(judge, [
        text for text in dict.fromkeys(t for s in some for t in usual_texts(s.planned, judge, ["a bird"]))
    ])[0])  # fmt: skip
