"""The judge of motions: a small 3D CNN over whole videos, trained on drawn ones only."""

import random
from typing import Any

import torch
import torch.nn.functional as F

from expunge.judging.motion import MotionJudge, save_motion

from .common import FOLDER, autocast, device, train
from .train_judge import degrade
from .world import draw, load_world, random_scene


def main(config: dict[str, Any]) -> None:
    torch.manual_seed(config["seed"] + 200)
    settings, where, world = config["motion_judge"], device(config), load_world()
    model = MotionJudge([motion["id"] for motion in world["motions"]]).to(where)

    def batch(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        rng, generator = random.Random(f"motion {step}"), torch.Generator().manual_seed(step)
        motions = [rng.randrange(len(world["motions"])) for _ in range(settings["batch"])]
        scenes = [random_scene(rng, motion=motion, style=0 if rng.random() < 0.6 else None) for motion in motions]
        videos = draw(scenes, world["frames"])
        return degrade(videos.flatten(0, 1), generator).view_as(videos).to(where), torch.tensor(motions).to(where)

    def loss(data: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        with autocast(config):
            return F.cross_entropy(model(data[0]).float(), data[1])

    def export(step: int) -> None:
        save_motion(FOLDER / "judge" / "motion", model)

    groups = [{"params": list(model.parameters()), "lr": settings["learning_rate"]}]
    train("motion_judge", config, {"model": model}, groups, batch, loss, on_save=export)
