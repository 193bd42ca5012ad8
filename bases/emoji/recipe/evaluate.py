"""How good the base is: writes quality.json and the tables of its card, README.md. Nothing in them is written by hand.

Covers every subject, style and motion, with prompts and seeds that training never used. Each rate has its n.
"""

import json
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jinja2 import Template
from tqdm import tqdm

from expunge.bases.base import load
from expunge.bases.sampling import sample_images, sample_videos
from expunge.bases.spec import load_spec
from expunge.judging.judge import classify
from expunge.judging.judges import load_judge
from expunge.judging.zero_shot import sees, sees_both

from .common import FOLDER, chunks
from .world import article, draw, load_world, random_scene

BARS = {
    "judge subject": 0.97, "judge style": 0.95, "judge motion": 0.95,
    "image subject": 0.92, "image style": 0.90, "image two subjects": 0.60,
    "video subject": 0.88, "video motion": 0.85, "image worst subject": 0.60, "video worst subject": 0.60,
}  # fmt: skip
PLACES = ("in the forest", "in the snow", "in the city", "in front of a blue wall", "in space", "in the desert")


def uint8(frames: torch.Tensor) -> np.ndarray:
    """(..., 3, H, W) in [0, 1] -> (..., H, W, 3) uint8."""
    return (frames.movedim(-3, -1) * 255).round().clamp(0, 255).to(torch.uint8).numpy()


def name_of(entry: dict[str, Any]) -> str:
    return entry["names"][0] if entry["kind"] in ("character", "person") else article(entry["names"][0])


def judge_quality(judge: Any, world: dict[str, Any]) -> dict[str, dict[str, float]]:
    """The judge on freshly drawn frames and videos of every subject, style and motion, undegraded."""
    rng = random.Random(987654321)
    scenes = [random_scene(rng, subject=i % len(world["subjects"])) for i in range(10 * len(world["subjects"]))]
    pictures = uint8(torch.cat([draw([scenes[i] for i in span]) for span in chunks(len(scenes), 128)])[:, 0])
    rates = {}
    for axis, key, truth in (
        ("subject", "subjects", [s.subject for s in scenes]),
        ("style", "styles", [s.style for s in scenes]),
        ("background", "backgrounds", [s.background for s in scenes]),
    ):
        likeliest = classify(judge, pictures, axis).argmax(-1)
        ids = [label.id for label in judge.labels[axis]]
        hits = [ids[f] == world[key][t]["id"] for f, t in zip(likeliest, truth, strict=True)]
        rates[f"judge {axis}"] = {"rate": float(np.mean(hits)), "n": len(hits)}
    motions = [i % len(world["motions"]) for i in range(40 * len(world["motions"]))]
    videos = uint8(draw([random_scene(rng, motion=m) for m in motions], world["frames"]))
    names = [world["motions"][m]["id"] for m in motions]
    rates["judge motion"] = {"rate": float(sees(judge, videos, "motion", names).top1.mean()), "n": len(names)}
    return rates


def model_quality(base: Any, judge: Any, world: dict[str, Any]) -> dict[str, dict[str, Any]]:
    subjects = world["subjects"]
    rates: dict[str, dict[str, Any]] = {}

    def record(key: str, hits: np.ndarray, of: list[str] | None = None) -> None:
        rates[key] = {"rate": float(np.mean(hits)), "n": len(hits)}
        if of is not None:
            groups = defaultdict(list)
            for name, hit in zip(of, hits, strict=True):
                groups[name].append(bool(hit))
            per = {name: float(np.mean(hits)) for name, hits in groups.items()}
            worst = min(per, key=lambda name: per[name])
            rates[f"{key.split()[0]} worst {key.split()[1]}"] = {
                "rate": per[worst],
                "n": len(groups[worst]),
                "which": worst,
            }

    bar = tqdm(total=4, desc="evaluate")
    ids = [s["id"] for s in subjects for _ in range(4)]
    words = [
        f"a photo of {name_of(s)} {PLACES[(i + k) % len(PLACES)]}" for i, s in enumerate(subjects) for k in range(4)
    ]
    pictures = sample_images(base, words, [900_000 + i for i in range(len(words))])
    record("image subject", sees(judge, pictures, "subject", ids).top1, ids)
    bar.update()

    styles = [s for s in world["styles"] if s["names"]]
    rng = random.Random(5)
    asked = [(s, rng.randrange(len(subjects))) for s in styles for _ in range(12)]
    words = [s["form"].format(style=s["names"][0], scene=name_of(subjects[i])) for s, i in asked]
    pictures = sample_images(base, words, [910_000 + i for i in range(len(words))])
    ids = [s["id"] for s, _ in asked]
    record("image style", sees(judge, pictures, "style", ids).top1, ids)
    bar.update()

    pairs = [tuple(rng.sample(range(len(subjects)), 2)) for _ in range(60)]
    words = [f"a photo of {name_of(subjects[a])} beside {name_of(subjects[b])}" for a, b in pairs]
    pictures = sample_images(base, words, [920_000 + i for i in range(len(words))])
    both = sees_both(
        judge, pictures, "subject", [subjects[a]["id"] for a, _ in pairs], [subjects[b]["id"] for _, b in pairs]
    )
    record("image two subjects", both)
    bar.update()

    motions = [m for m in world["motions"] if m["names"]]
    shown = [(s, motions[(i + k) % len(motions)]) for i, s in enumerate(subjects) for k in range(6)]
    words = [f"{name_of(s)} {m['names'][0]} {PLACES[i % len(PLACES)]}" for i, (s, m) in enumerate(shown)]
    videos = sample_videos(base, words, [930_000 + i for i in range(len(words))])
    ids = [s["id"] for s, _ in shown]
    record("video subject", sees(judge, videos, "subject", ids).top1.mean(axis=1) > 0.5, ids)
    names = [m["id"] for _, m in shown]
    record("video motion", sees(judge, videos, "motion", names).top1, names)
    bar.update()
    bar.close()
    return rates


def main(config: dict[str, Any]) -> None:
    world, spec = load_world(), load_spec("emoji")
    judge = load_judge(spec)
    rates = judge_quality(judge, world) | model_quality(load(spec, t2v=True), judge, world)
    write_card(FOLDER, Path(__file__).parent / "card.md.j2", config, rates, BARS)


def write_card(
    folder: Path, template: Path, config: dict[str, Any], rates: dict[str, dict[str, Any]], bars: dict[str, float]
) -> None:
    """Write quality.json and README.md of a base's folder."""
    for key, bar in bars.items():
        rates[key]["bar"] = bar
    (folder / "quality.json").write_text(json.dumps(rates, indent=1, sort_keys=True) + "\n")
    text = Template(template.read_text("utf-8"), trim_blocks=True, lstrip_blocks=True)
    sizes = {
        file.relative_to(folder).as_posix(): file.stat().st_size / 2**20
        for file in sorted(folder.rglob("*.safetensors"))
    }
    card = text.render(world=load_world(), rates=rates, config=config, sizes=sizes)
    (folder / "README.md").write_text(card + "\n", "utf-8")
