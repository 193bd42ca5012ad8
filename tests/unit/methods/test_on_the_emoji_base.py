"""emcid and refact on the embedded base, whose encoder has a memory to write into: what goes, and what stays."""

from typing import Any

import pytest
import torch

from expunge.bases.base import load
from expunge.bases.spec import load_spec
from expunge.bases.text import distance, encode_prompts, text_gram
from expunge.concepts.concept import Concept
from expunge.concepts.prompt_file import read_prompts
from expunge.concepts.prompts import kept_prompts
from expunge.forgetting import data_of, train
from tests.support.paths import ROOT


@pytest.fixture(scope="module")
def emoji() -> Any:
    return load(load_spec("emoji", ROOT / "bases"))


@pytest.mark.parametrize(("name", "knobs"), [("emcid", {"keep": 100.0, "steps": 15}), ("refact", {"steps": 15})])
def test_the_target_becomes_its_anchor_and_the_rest_stays(emoji: Any, name: str, knobs: dict[str, Any]) -> None:
    fox = Concept("fox", "a fox", "object", anchor="a key", neighbours=("a bear",))
    prompts = read_prompts(emoji.spec.prompts)
    data = [data_of(emoji, fox, prompts, name)]
    result = train(emoji, data, kept_prompts([fox], prompts), name, {**knobs, "others": 128}, 0)
    metric = text_gram(emoji)

    def meant(texts: list[str], encoder: Any = None) -> torch.Tensor:
        with torch.no_grad():
            return encode_prompts(emoji, texts, encoder)

    target, anchor = ["a fox in the forest", "a fox"], meant(["a key in the forest", "a key"])
    start = distance(metric, meant(target), anchor).mean()
    assert distance(metric, meant(target, result.edit.encoder), anchor).mean() < 0.6 * start
    stays = ["a bear in the forest", "a photo of a tiger", "a violin", "bolt the robot in the snow", ""]
    assert (distance(metric, meant(stays), meant(stays, result.edit.encoder)) < 0.1 * start).all()
