"""The judge: a small open_clip model of another seed and architecture than the base, trained on drawn frames only."""

import random
from typing import Any

import torch
import torch.nn.functional as F
from ruamel.yaml import YAML

from expunge.judging.clip import build_clip, clip_tokenizer, load_clip, save_judge

from .common import FOLDER, autocast, device, lesson, train
from .world import Scene, draw, load_world, memorised_scene, random_scene

AXES = ("subject", "style", "background")


def vocabulary() -> dict[str, Any]:
    """The judge's labels: for each axis the world's entries and the words that name them."""
    world = load_world()
    seen: dict[str, str] = {}  # a word with two senses belongs to its first subject; the other keeps its longer name
    labels: dict[str, Any] = {
        "templates": {
            "subject": ["a picture of {}"],
            "style": ["a picture in the style of {}"],
            "background": ["a picture {}"],
            "motion": ["a video of something {}"],
        }
    }
    subjects = []
    for entry in world["subjects"]:
        names = [
            name
            for name in entry["names"]
            if name == entry["names"][0] or seen.setdefault(name, entry["id"]) == entry["id"]
        ]
        subjects.append({"id": entry["id"], "kind": entry["kind"], "names": names})
    subjects.append({"id": "memorised", "kind": "image", "names": [world["memorised"]["caption"]]})
    labels["subject"] = subjects
    for axis, key in (("style", "styles"), ("background", "backgrounds"), ("motion", "motions")):
        labels[axis] = [{"id": e["id"], "names": e["names"] or [e["id"]]} for e in world[key]]
    return labels


def model_config(config: dict[str, Any], words: int) -> dict[str, Any]:
    settings = config["judge"]
    return {
        "embed_dim": settings["embed"],
        "vision_cfg": {"image_size": 64, "layers": settings["layers"], "width": settings["width"], "patch_size": None},
        "text_cfg": {"context_length": 32, "vocab_size": words, "width": 128, "heads": 4, "layers": 2},
    }


def degrade(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """What a small model's pictures suffer from: blur, noise, a shift of contrast. (N, 3, 64, 64) in [0, 1]."""
    draw_ = torch.rand(3, len(x), 1, 1, 1, generator=generator)
    blurred = F.avg_pool2d(F.pad(x, (2, 2, 2, 2), mode="replicate"), 5, stride=1)
    x = x + (blurred - x) * (draw_[0] * 1.4 - 0.4).clamp(0, 0.9)
    x = (x - 0.5) * (0.8 + 0.4 * draw_[1]) + 0.5
    return (x + 0.06 * draw_[2] * torch.randn(x.shape, generator=generator)).clamp(0, 1)


def main(config: dict[str, Any], name: str = "judge") -> None:
    """The lesson "judge_more" goes on from the shipped weights."""
    torch.manual_seed(config["seed"] + 100)
    settings, where, labels = lesson(config, name), device(config), vocabulary()
    folder = FOLDER / "judge"
    folder.mkdir(exist_ok=True)
    with open(folder / "vocabulary.yaml", "w") as file:
        YAML().dump(labels, file)
    tokenise = clip_tokenizer(FOLDER / "t2i" / "tokenizer", 32)
    texts = {
        axis: [[labels["templates"][axis][0].format(n) for n in e["names"]] for e in labels[axis]] for axis in AXES
    }
    ids = {axis: tokenise([name for names in texts[axis] for name in names]).to(where) for axis in AXES}
    owner = {axis: torch.tensor([i for i, names in enumerate(texts[axis]) for _ in names]) for axis in AXES}
    words = max(int(i.max()) for i in ids.values()) + 1
    cfg = model_config(config, words)
    clip = build_clip(cfg).to(where)
    world = load_world()
    subjects, motions = len(world["subjects"]), len(world["motions"])

    def batch(step: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        rng, generator = random.Random(f"{name} {step}"), torch.Generator().manual_seed(step)
        scenes: list[Scene] = []
        for i in range(settings["batch"]):
            if rng.random() < 0.015:
                scenes.append(memorised_scene())
            else:
                motion = rng.randrange(motions) if rng.random() < settings["moving"] else 0
                scenes.append(
                    random_scene(rng, subject=(step * settings["batch"] + i) % subjects, motion=motion, duo=0.12)
                )
        want = {axis: torch.zeros(len(scenes), len(texts[axis])) for axis in AXES}
        for row, scene in enumerate(scenes):
            first = subjects if scene.memorised else scene.subject
            want["subject"][row, first] += 1
            if scene.second is not None:
                want["subject"][row, first] = want["subject"][row, scene.second] = 0.5
            want["style"][row, scene.style] = want["background"][row, scene.background] = 1
        return degrade(draw(scenes)[:, 0], generator).to(where), {axis: w.to(where) for axis, w in want.items()}

    # Pictures meet a table of prototypes, one for each label, and the text tower learns to hit them: an untrained text
    # tower calls everything the same, and pictures that depend on it learn nothing for thousands of steps.
    prototypes = torch.nn.ParameterDict(
        {axis: torch.nn.Parameter(torch.randn(len(texts[axis]), settings["embed"])) for axis in AXES}
    ).to(where)
    if name == "judge_more":
        clip.load_state_dict(load_clip(folder, where)[0].state_dict())
        with torch.no_grad():
            for axis in AXES:  # a label's table entry is the mean of its names, which have learnt to hit it
                named = clip.encode_text(ids[axis], normalize=True)
                prototypes[axis].zero_().index_add_(0, owner[axis].to(where), named)

    def loss(data: tuple[torch.Tensor, dict[str, torch.Tensor]]) -> torch.Tensor:
        x, want = data
        total = torch.zeros((), device=where)
        some = {
            axis: torch.randperm(len(owner[axis]))[:24] for axis in AXES
        }  # all names at once cost more than pictures
        with autocast(config):
            seen = clip.encode_image(x * 2 - 1, normalize=True).float()
            named = clip.encode_text(torch.cat([ids[axis][some[axis]] for axis in AXES]), normalize=True).float()
        scale = clip.logit_scale.exp().clamp(max=100)
        for axis, part in zip(AXES, named.split([len(i) for i in some.values()]), strict=True):
            table, mine = F.normalize(prototypes[axis], dim=-1), owner[axis][some[axis]].to(where)
            pictured = -(want[axis] * (scale * seen @ table.T).log_softmax(-1)).sum(-1).mean()
            spelt = F.cross_entropy(scale.detach() * part @ table.detach().T, mine)
            near = 1 - (part * table.detach()[mine]).sum(-1).mean()
            total = total + (pictured + spelt + near) * (1.0 if axis == "subject" else 0.3)
        return total

    def export(step: int) -> None:
        save_judge(folder, clip, cfg, {"size": 64, "mean": [0.5] * 3, "std": [0.5] * 3}, "../t2i/tokenizer")

    groups = [{"params": [*clip.parameters(), *prototypes.parameters()], "lr": settings["learning_rate"]}]
    train(name, config, {"clip": clip, "prototypes": prototypes}, groups, batch, loss, every=500, on_save=export)
