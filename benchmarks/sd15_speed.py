"""What a concept costs at Stable Diffusion 1.5's sizes, few-shot beside distil, image generation included.

    uv run python -m benchmarks.sd15_speed

The architecture is the real one and the weights are random, so only the time is meaningful. What repeats is
measured for a few steps and multiplied: for few-shot 4 images of 25 solver steps with guidance and 10 training steps,
as published; for distil all its steps and the words that it probes. All in float32, as few-shot was published, in one
process; some six minutes on 2 cores.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import typer
from diffusers import AutoencoderKL, DDPMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from rich import print
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizerFast

from expunge.bases.base import Base
from expunge.bases.condition import condition_of
from expunge.bases.denoising import predict_noise
from expunge.bases.spec import load_spec
from expunge.bases.text import encode_prompts
from expunge.methods import METHODS, ConceptData, unlearn

ROOT = Path(__file__).resolve().parents[1]
SOLVER_STEPS, IMAGES = 25, 4
FEW_SHOT = {"steps": 10, "batch": 2, "learning_rate": 1e-5}


def random_base() -> Base:
    """SD 1.5's U-Net and text encoder with random weights; the VAE, which neither method runs, is tiny."""
    torch.manual_seed(0)
    spec = load_spec("emoji")
    tokenizer = CLIPTokenizerFast.from_pretrained(ROOT / "bases" / "emoji" / "t2i" / "tokenizer", model_max_length=77)
    text = CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
                          projection_dim=768, eos_token_id=tokenizer.eos_token_id)  # fmt: skip
    encoder = CLIPTextModel(text).eval().requires_grad_(False)
    unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768).eval().requires_grad_(False)
    schedule = DDPMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, steps_offset=1
    )
    pipe = StableDiffusionPipeline(
        AutoencoderKL(block_out_channels=(32,)), encoder, tokenizer, unet, schedule, None, None,  # type: ignore[arg-type]
        requires_safety_checker=False,
    )  # fmt: skip
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    pipe.to(device)
    return Base(
        replace(spec, t2i=replace(spec.t2i, width=512, height=512)),
        device,
        torch.float32,
        pipe,
        None,
        encoder,
        torch.float16,
        schedule,
    )


def seconds(call: Callable[[], Any]) -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    call()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def main() -> None:
    """What a concept costs at Stable Diffusion 1.5's sizes: six minutes on 2 cores."""
    base = random_base()
    latents = torch.randn(IMAGES, 4, 64, 64)
    concept: Any = SimpleNamespace(id="bolt", anchor="a toy", paraphrases=(), neighbours=(), parts=())
    data = ConceptData(concept, latents, ("bolt the robot",), ("a photo of {}", "{} in a meadow"), (), ("a toy",))
    kept = [f"a photo of a {word}" for word in ("cat", "dog", "house", "car", "tree", "boat", "bear", "key")]

    def train(method: str, steps: int) -> float:
        settings = FEW_SHOT if method == "few-shot" else {**METHODS["distil"].defaults, "others": 0}
        return seconds(lambda: unlearn(method, base, [data], kept, {**settings, "steps": steps}, 0))

    def solver_step() -> float:
        """One call of the denoiser with guidance: two samples."""
        text = condition_of(base, ["a photo of bolt the robot", ""])
        noise, t = torch.randn(2, 4, 64, 64, device=base.device), torch.tensor([500, 500], device=base.device)
        with torch.no_grad():
            return seconds(lambda: predict_noise(base, noise, t, text))

    def probe() -> float:
        """32 words of the vocabulary through the encoder."""
        with torch.no_grad():
            return seconds(lambda: encode_prompts(base, ["a photo of a word"] * 32))

    first = probe(), solver_step()  # the first call of anything is slower
    print(f"first calls {first[0]:.1f} s, {first[1]:.1f} s")
    word, solver = probe() / 32, solver_step()
    print(f"a word {word:.3f} s, a solver step {solver:.2f} s")
    once = train("distil", 1)
    distil = (train("distil", 3) - once) / 2
    print(f"distil: a step {distil:.2f} s, once {once - distil:.2f} s")
    once_few = train("few-shot", 1)
    few_shot = train("few-shot", 2) - once_few
    print(f"few-shot: a step {few_shot:.2f} s")
    defaults = METHODS["distil"].defaults
    drawing = IMAGES * SOLVER_STEPS * solver
    theirs = drawing + FEW_SHOT["steps"] * few_shot
    # every word is looked at twice: does it mean the target, and what does it mean in a prompt
    ours = once - distil + 2 * defaults["others"] * word + defaults["steps"] * distil
    print(
        f"few-shot {theirs:.0f} s, of which {drawing:.0f} s draw {IMAGES} images; distil {ours:.0f} s ({base.device})"
    )
    print(f"distil / few-shot: {ours / theirs:.2f}")


if __name__ == "__main__":
    typer.run(main)
