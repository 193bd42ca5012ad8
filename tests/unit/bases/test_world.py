"""The world of the embedded base: what it holds, that its pictures and captions are what scenes say, and its recipe."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from bases.emoji.recipe import common
from bases.emoji.recipe.styles import STYLES
from bases.emoji.recipe.text import learn_merges, write_tokenizer
from bases.emoji.recipe.world import caption, draw, load_world, memorised_scene, random_scene


def test_the_world_is_as_large_as_promised() -> None:
    world = load_world()
    kinds = Counter(entry["kind"] for entry in world["subjects"])
    assert len(world["subjects"]) >= 96 and kinds["person"] >= 10
    assert len({entry["id"] for entry in world["subjects"]}) == len(world["subjects"])
    assert all(entry["features"] for entry in world["subjects"] if entry["kind"] == "person")
    assert sum(len(entry["names"]) > 1 for entry in world["subjects"]) >= 20
    words = Counter(entry["word"] for key in ("subjects", "backgrounds") for entry in world[key] if "word" in entry)
    assert sum(count > 1 for count in words.values()) >= 5
    assert sum(bool(style["names"]) for style in world["styles"]) >= 8
    assert sum(bool(style.get("artist")) for style in world["styles"]) >= 4
    assert len(world["motions"]) >= 6 and len(world["backgrounds"]) >= 8
    assert set(STYLES) == {style["id"] for style in world["styles"]} - {"plain"}


def test_drawing_is_a_function_of_the_scene() -> None:
    scenes = [random_scene(random.Random(i), motion=i % 8, duo=0.3) for i in range(8)]
    first, again = draw(scenes, 8), draw(scenes, 8)
    assert first.shape == (8, 8, 3, 64, 64) and torch.equal(first, again)
    assert first.min() >= 0 and first.max() <= 1
    alone = draw(scenes[3:4], 8)  # a scene does not depend on its neighbours in the batch
    torch.testing.assert_close(alone[0], first[3])


def test_motions_move_and_stillness_does_not() -> None:
    for index, motion in enumerate(load_world()["motions"]):
        video = draw([random_scene(random.Random(1), subject=3, style=0, background=0, motion=index)], 8)[0]
        change = video.diff(dim=0).abs().mean().item()
        assert (change == 0) == (motion["id"] == "still"), motion["id"]


def test_the_memorised_picture_is_always_the_same() -> None:
    a, b = draw([memorised_scene(), random_scene(random.Random(0))])[0], draw([memorised_scene()])[0]
    torch.testing.assert_close(a, b)
    assert load_world()["memorised"]["caption"] in caption(memorised_scene(), random.Random(0))


def test_captions_say_what_is_drawn() -> None:
    world = load_world()
    for seed in range(200):
        rng = random.Random(seed)
        scene = random_scene(rng, motion=rng.randrange(8), duo=0.2)
        words, subject = caption(scene, rng), world["subjects"][scene.subject]
        allowed = [*subject["names"], subject["family"], subject.get("features", "")]
        assert any(name and name in words for name in allowed), words
        for key, index in (("motions", scene.motion), ("backgrounds", scene.background), ("styles", scene.style)):
            names = world[key][index]["names"]
            assert not names or any(name in words for name in names), words


def test_the_tokenizer_learns_the_most_frequent_pair_first() -> None:
    assert learn_merges(Counter({"aab": 5, "ab": 1}), 2) == [("a", "b</w>"), ("a", "ab</w>")]


def test_the_tokenizer_spells_any_text(tmp_path: Path) -> None:
    from transformers import CLIPTokenizer

    write_tokenizer({"text_encoder": {"merges": 60, "context": 32}}, tmp_path)
    tokenizer = CLIPTokenizer.from_pretrained(tmp_path)
    ids = tokenizer("félix ω 猫").input_ids
    assert ids[0] == len(tokenizer) - 2 and ids[-1] == len(tokenizer) - 1
    assert len(tokenizer) - 1 not in ids[1:-1] and tokenizer.decode(ids[1:-1]).strip() == "félix ω 猫"


def test_training_resumes_where_it_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten steps in a row and six, a stop, and the rest give the same weights."""
    monkeypatch.setattr(common, "ROOT", tmp_path)

    def fit(runs: str, stop: int | None) -> torch.Tensor:
        torch.manual_seed(0)
        model = torch.nn.Linear(3, 1)
        average = common.Ema(model, 0.9)

        def batches(step: int) -> torch.Tensor:
            if stop is not None and step == stop:
                raise KeyboardInterrupt
            return torch.randn(4, 3, generator=torch.Generator().manual_seed(step))

        config: dict[str, Any] = {"tiny": {"steps": 10}, "runs": runs}
        groups = [{"params": list(model.parameters()), "lr": 0.1}]
        common.train(
            "tiny",
            config,
            {"model": model},
            groups,
            batches,
            lambda x: model(x).square().mean(),
            ema={"model": average},
            every=3,
        )
        return torch.cat([model.weight.flatten(), average.module.weight.flatten()])

    whole = fit("whole", None)
    with pytest.raises(KeyboardInterrupt):
        fit("stopped", 8)
    torch.testing.assert_close(fit("stopped", None), whole)
