"""Where a base's models lie, and in which dtype: `offload:` and `storage:` of its file.

T5-XXL alone has 4.8 billion parameters, 19 GB in float32. Who draws needs one of the models at a time:

    offload: none      all on the device
    offload: model     in main memory; each is on the device while it computes
    offload: layers    in main memory; each layer is on the device while it computes
    storage: auto      float32, but on a GPU the denoiser in the dtype of its arithmetic
    storage: float32   float32
    storage: bfloat16  the text encoder's layers (bases/stored.py) and the denoiser in bfloat16; each layer computes as
                       it did before

Who trains needs gradients, and these need all models where they were: then all are on the device, and the denoiser is
stored as by `auto`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from accelerate.hooks import CpuOffload, add_hook_to_module
from torch import nn

from expunge.bases.encoders import encoder_in, parts_of
from expunge.bases.families import Family
from expunge.bases.spec import Spec
from expunge.bases.stored import keep_stored

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Placement:
    """How a loaded base keeps its models."""

    device: torch.device  # where they compute
    offload: str = "none"
    storage: str = "auto"
    draws: bool = True  # is nothing trained with the models?
    held: list[nn.Module] = field(default_factory=list, repr=False)  # the model that is on the device, of `model`

    @property
    def home(self) -> torch.device:
        """Where a model lies while it does not compute."""
        return self.device if self.offload == "none" else CPU

    def keep(self, family: Family, pipelines: Sequence[Any], dtype: torch.dtype) -> None:
        """Place the frozen models of pipelines, which may share some. :param dtype: of the denoisers' arithmetic."""
        parts = {id(each): each for pipe in pipelines for each in pipe.components.values()}
        for denoiser in {id(each): each for pipe in pipelines if (each := getattr(pipe, family.DENOISER))}.values():
            storage = self.storage if self.draws else "auto"
            if storage == "bfloat16" and dtype != torch.bfloat16:
                denoiser.enable_layerwise_casting(storage_dtype=torch.bfloat16, compute_dtype=dtype)
            elif storage == "bfloat16" or (storage == "auto" and self.device.type == "cuda"):
                denoiser.to(dtype)  # autocast would cast the weights at every call
        self.keep_encoder(family, encoder_in(family, pipelines[0]))
        encoders = [id(getattr(pipelines[0], part)) for part in family.ENCODERS]
        for model in [each for key, each in parts.items() if key not in encoders]:
            if isinstance(model, nn.Module):
                self._offload(model)

    def keep_encoder(self, family: Family, encoder: Any) -> None:
        """Place the frozen text encoder, or all of them, of the base or of an edit."""
        if self.storage == "bfloat16":
            keep_stored(family, encoder, torch.bfloat16)
        for each in parts_of(family, encoder).values():
            self._offload(each)

    def _offload(self, model: Any) -> None:
        if self.offload == "model":
            add_hook_to_module(model, _InTurn(self.device, self.held))
        elif self.offload == "layers":
            from diffusers.hooks import apply_group_offloading

            apply_group_offloading(model, self.device, CPU, offload_type="leaf_level")


class _InTurn(CpuOffload):
    """Moves a model to the device when it is called, and away when another with the same `held` is called."""

    def __init__(self, device: torch.device, held: list[nn.Module]) -> None:
        super().__init__(device)
        self.held = held

    def pre_forward(self, module: Any, *args: Any, **kwargs: Any) -> Any:
        if self.held and self.held[0] is not module:
            self.held[0].to(CPU)
        self.held[:] = [module]
        return super().pre_forward(module, *args, **kwargs)


def placement_of(spec: Spec, device: torch.device, draws_only: bool) -> Placement:
    """The placement that a base's file asks for. Only a GPU has a memory of its own: elsewhere nothing is offloaded."""
    away = draws_only and device.type == "cuda"
    return Placement(device, spec.offload if away else "none", spec.storage, draws_only)
