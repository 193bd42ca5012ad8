"""What a denoiser is told: a condition says the same as the texts that it was made of."""

from typing import Any

import numpy as np
import pytest
import torch

from expunge.bases.condition import Condition, condition_of
from expunge.bases.denoising import predict_noise
from expunge.bases.sampling import sample_images, sample_videos
from expunge.bases.text import distance, encode_prompts, projected_distance, projection, text_gram

PROMPTS = ["a photo of bolt", "one cat on the moon"]


def test_a_condition_draws_what_its_prompts_draw(tiny_base: Any) -> None:
    condition = condition_of(tiny_base, PROMPTS)
    assert len(condition) == 2 and torch.equal(condition.embeddings, encode_prompts(tiny_base, PROMPTS))
    for sample in (sample_images, sample_videos):
        assert np.array_equal(sample(tiny_base, condition, [3, 4]), sample(tiny_base, PROMPTS, [3, 4]))
    with pytest.raises(ValueError, match="2 prompts, but 1 seeds"):
        sample_images(tiny_base, condition, [3])


def test_every_frame_of_a_video_is_told_the_same(tiny_base: Any) -> None:
    draw = torch.Generator().manual_seed(0)
    latents, t = torch.randn(2, 8, 2, 16, 16, generator=draw), torch.tensor([5, 700])
    condition = condition_of(tiny_base, PROMPTS)
    with torch.no_grad():
        by_hand = tiny_base.t2v.unet(latents, t, condition.embeddings.repeat_interleave(2, 0)).sample
        assert torch.equal(predict_noise(tiny_base, latents, t, condition), by_hand)


def test_a_gradient_reaches_what_is_fed(tiny_base: Any) -> None:
    soft = encode_prompts(tiny_base, PROMPTS[:1]).detach().requires_grad_(True)
    latents = torch.randn(1, 8, 16, 16, generator=torch.Generator().manual_seed(0))
    predict_noise(tiny_base, latents, torch.tensor([500]), Condition(soft)).square().mean().backward()
    assert soft.grad is not None and bool(soft.grad.any())


def test_both_forms_of_the_distance_agree(tiny_base: Any) -> None:
    gram = text_gram(tiny_base)
    a, b = encode_prompts(tiny_base, PROMPTS), encode_prompts(tiny_base, PROMPTS[::-1])
    assert torch.allclose(projected_distance(projection(gram), a, b), distance(gram, a, b), rtol=1e-4)
    assert float(distance(gram, a, a).max()) == float(projected_distance(projection(gram), a, a).max()) == 0
