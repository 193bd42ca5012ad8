"""What a concept costs at Stable Diffusion 1.5's sizes, few-shot beside distil, image generation included.

    uv run python -m benchmarks.sd15_speed

The architecture is the real one and the weights are random, so that only the time means something. What repeats is
measured for a few steps and multiplied: for few-shot 4 images of 25 solver steps with guidance and 10 training steps,
as published; for distil its 50 steps. Both run alternately in one process, some five minutes on 2 cores.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import torch
from diffusers import AutoencoderKL, DDPMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from rich import print
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizerFast

from expunge.base import Base, encode_prompts, load_spec, predict_noise
from expunge.methods import METHODS, ConceptData
from expunge.pipelines import choose_dtype

SOLVER_STEPS, IMAGES = 25, 4
FEW_SHOT = {"steps": 10, "batch": 2, "learning_rate": 1e-5}


def random_base() -> Base:
    """SD 1.5's U-Net and text encoder with random weights; the VAE, which neither method runs, is tiny."""
    torch.manual_seed(0)
    spec = load_spec("emoji")
    tokenizer = CLIPTokenizerFast.from_pretrained(spec.t2i.folder / "tokenizer", model_max_length=77)
    text = CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
                          projection_dim=768, eos_token_id=tokenizer.eos_token_id)  # fmt: skip
    encoder = CLIPTextModel(text).eval().requires_grad_(False)
    unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768).eval().requires_grad_(False)
    schedule = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    pipe = StableDiffusionPipeline(
        AutoencoderKL(block_out_channels=(32,)), encoder, tokenizer, unet, schedule, None, None,  # type: ignore[arg-type]
        requires_safety_checker=False,
    )  # fmt: skip
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    pipe.to(device)
    dtype = choose_dtype(spec, device)
    return Base(replace(spec, resolution=512), device, dtype, pipe, None, encoder, torch.float16, schedule)


def seconds(call: Callable[[], Any]) -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    call()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def main() -> None:
    base = random_base()
    latents = torch.randn(IMAGES, 4, 64, 64)
    concept: Any = SimpleNamespace(id="bolt", anchor="a toy", paraphrases=(), neighbours=(), parts=())
    data = ConceptData(concept, latents, ("bolt the robot",), ("a photo of {}", "{} in a meadow"), (), ("a toy",))
    kept = [f"a photo of a {word}" for word in ("cat", "dog", "house", "car", "tree", "boat", "bear", "key")]

    def train(method: str, steps: int) -> float:
        settings = {**(FEW_SHOT if method == "few-shot" else METHODS["distil"].defaults), "steps": steps}
        return seconds(lambda: METHODS[method].run(base, [data], kept, settings, 0))

    def solver_step() -> float:
        """One call of the denoiser with guidance: two samples."""
        text = encode_prompts(base, ["a photo of bolt the robot", ""])
        noise, t = torch.randn(2, 4, 64, 64, device=base.device), torch.tensor([500, 500], device=base.device)
        with torch.no_grad():
            return seconds(lambda: predict_noise(base, noise, t, text))

    solver_step()  # the first call of everything is slower
    found: dict[str, list[float]] = {"solver": [], "few-shot": [], "distil": [], "before": []}
    for _ in range(2):
        found["solver"].append(solver_step())
        one = train("few-shot", 1)
        found["few-shot"].append(train("few-shot", 3) - one)
        one = train("distil", 1)
        found["before"].append(one)
        found["distil"].append(train("distil", 4) - one)
    solver, few_shot, distil = min(found["solver"]), min(found["few-shot"]) / 2, min(found["distil"]) / 3
    drawing = IMAGES * SOLVER_STEPS * solver
    theirs = drawing + FEW_SHOT["steps"] * few_shot
    ours = min(found["before"]) + (METHODS["distil"].defaults["steps"] - 1) * distil
    print(f"a solver step {solver:.2f} s, few-shot's step {few_shot:.2f} s, distil's {distil:.2f} s ({base.device})")
    print(f"few-shot {theirs:.0f} s, of which {drawing:.0f} s draw {IMAGES} images; distil {ours:.0f} s")
    print(f"distil / few-shot: {ours / theirs:.2f}")


if __name__ == "__main__":
    main()
