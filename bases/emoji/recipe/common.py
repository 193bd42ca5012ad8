"""What every training of the recipe shares: its config, device, learning-rate schedule, EMA and resumable loop."""

import copy
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from ruamel.yaml import YAML
from safetensors.torch import load_file, save_file
from torch.optim import AdamW, Optimizer
from tqdm import tqdm

from .muon import Muon

FOLDER = Path(__file__).resolve().parents[1]
ROOT = FOLDER.parents[1]


def load_config() -> dict[str, Any]:
    return YAML(typ="safe").load(FOLDER / "recipe" / "config.yaml")


def lesson(config: dict[str, Any], name: str) -> dict[str, Any]:
    """Settings of a lesson: "t2i_more" has those of "t2i", except what it sets itself."""
    settings: dict[str, Any] = config[name.partition("_")[0]] | config[name]
    return settings


def device(config: dict[str, Any]) -> torch.device:
    if config["device"] != "auto":
        return torch.device(config["device"])
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocast(config: dict[str, Any]) -> AbstractContextManager[None]:
    return torch.autocast(device(config).type, torch.bfloat16, enabled=config["autocast"] == "bfloat16")  # type: ignore[return-value]


def schedule(step: int, steps: int, warmup: int = 200) -> float:
    """Linear warm-up, then cosine to 3 % of the learning rate."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, steps - warmup))))


def save_atomically(tensors: dict[str, torch.Tensor], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".part")
    save_file({name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}, aside)
    os.replace(aside, path)


def halved(module: Any) -> Any:
    """A float16 copy, the form in which models are shipped."""
    return copy.deepcopy(module).half()


class Ema:
    """An exponential moving average of a module's parameters, with the usual warm-up of the decay."""

    def __init__(self, module: torch.nn.Module, decay: float) -> None:
        self.module, self.decay, self.count = copy.deepcopy(module).eval().requires_grad_(False), decay, 0

    @torch.no_grad()
    def update(self, module: torch.nn.Module) -> None:
        self.count += 1
        decay = min(self.decay, (1 + self.count) / (10 + self.count))
        torch._foreach_lerp_(list(self.module.parameters()), list(module.parameters()), 1 - decay)


def train(
    name: str,
    config: dict[str, Any],
    modules: dict[str, torch.nn.Module],
    groups: list[dict[str, Any]],
    batches: Callable[[int], Any],
    loss: Callable[[Any], torch.Tensor],
    *,
    ema: dict[str, Ema] | None = None,
    every: int = 250,
    on_save: Callable[[int], None] | None = None,
) -> None:
    """Train for config[name]["steps"] steps; resumes from the last checkpoint under config["runs"].

    :param modules: what a checkpoint holds, by name.
    :param groups: parameter groups, each with its `lr`, of AdamW; with `"muon": True` of Muon.
    :param batches: step -> batch, a pure function of the step, so that a resumed run sees the same data.
    """
    settings = config[name]
    folder = ROOT / config["runs"] / name
    saved = {**modules, **{f"{key}.ema": average.module for key, average in (ema or {}).items()}}
    plain, matrices = ([group for group in groups if group.get("muon", False) is muon] for muon in (False, True))
    optimizers: list[Optimizer] = [AdamW(plain, betas=(0.9, 0.99), weight_decay=0.01, fused=True)]
    optimizers += [Muon(matrices)] if matrices else []
    rated = [(group, group["lr"]) for optimizer in optimizers for group in optimizer.param_groups]
    owners = [(p, optimizer) for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]]
    parameters = [parameter for parameter, _ in owners]
    start = _resume(folder, saved, owners)
    for average in (ema or {}).values():
        average.count = start
    began = time.time()
    recent: list[float] = []
    bar = tqdm(range(start, settings["steps"]), initial=start, total=settings["steps"], desc=name, mininterval=20)
    for step in bar:
        for group, rate in rated:
            group["lr"] = rate * schedule(step, settings["steps"])
        value = loss(batches(step))
        value.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        for key, average in (ema or {}).items():
            average.update(modules[key])
        recent = [*recent[-99:], value.item()]
        bar.set_postfix(loss=f"{sum(recent) / len(recent):.4f}", refresh=False)
        if (step + 1) % every == 0 or step + 1 == settings["steps"]:
            _save(folder, saved, owners, step + 1)
            with open(folder / "log.csv", "a") as log:
                log.write(f"{step + 1},{sum(recent) / len(recent):.5f},{time.time() - began:.0f}\n")
            if on_save:
                on_save(step + 1)


def _save(
    folder: Path,
    modules: dict[str, torch.nn.Module],
    owners: list[tuple[torch.nn.Parameter, Optimizer]],
    step: int,
) -> None:
    tensors = {f"{key}/{name}": t for key, module in modules.items() for name, t in module.state_dict().items()}
    for index, (parameter, optimizer) in enumerate(owners):
        for name, value in optimizer.state[parameter].items():
            tensors[f"optimizer/{index}/{name}"] = value
    tensors["step"] = torch.tensor(step)
    save_atomically(tensors, folder / "checkpoint.safetensors")


def _resume(
    folder: Path,
    modules: dict[str, torch.nn.Module],
    owners: list[tuple[torch.nn.Parameter, Optimizer]],
) -> int:
    path = folder / "checkpoint.safetensors"
    if not path.is_file():
        return 0
    tensors = load_file(path)
    for key, module in modules.items():
        module.load_state_dict({n.removeprefix(f"{key}/"): t for n, t in tensors.items() if n.startswith(f"{key}/")})
    for index, (parameter, optimizer) in enumerate(owners):
        prefix = f"optimizer/{index}/"
        state = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
        if state:
            optimizer.state[parameter] = {n: t.to(parameter.device) if n != "step" else t for n, t in state.items()}
    return int(tensors["step"])


def chunks(total: int, size: int) -> Iterator[range]:
    return (range(start, min(start + size, total)) for start in range(0, total, size))
