"""A LoRA whose modules have different ranks is read by diffusers at its full strength, in every module."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch

from expunge.bases.base import store_edit
from expunge.bases.edits import Edit
from expunge.bases.exports import Order, export
from expunge.bases.families import sd
from expunge.methods.low_rank import named


def test_ranks_may_differ_from_layer_to_layer(tiny_base: Any, tmp_path: Path) -> None:
    """As the method solve makes them, attention's output projections included."""
    pytest.importorskip("peft", reason="diffusers reads LoRAs with peft")
    encoder, adapter, seeded = deepcopy(tiny_base.encoder), {}, torch.Generator().manual_seed(3)
    for rank, (name, module) in enumerate(encoder.named_modules(), 1):
        if isinstance(module, torch.nn.Linear):
            rows, columns = module.weight.shape
            rank = 1 + rank % 3
            a, b = (
                torch.randn(*shape, generator=seeded).half().float() / 8 for shape in ((rank, columns), (rows, rank))
            )
            with torch.no_grad():
                module.weight += b @ a
            adapter |= named(sd, name, a, b)
    store_edit(tiny_base, tmp_path / "encoder", Edit(encoder, adapter=adapter))
    order, out = Order("objects/bolt", "made", tmp_path / "encoder", tiny_base.spec), tmp_path / "lora.safetensors"
    export(order, "lora", out)
    pipe = deepcopy(tiny_base.t2i)
    pipe.load_lora_weights(out)
    tokens = tiny_base.t2i.tokenizer(["a photo of bolt"], padding="max_length", return_tensors="pt").input_ids
    with torch.no_grad():
        ours, theirs = encoder(tokens)[0], pipe.text_encoder(tokens)[0]
        stock = tiny_base.encoder(tokens)[0]
    assert torch.allclose(ours, theirs, atol=1e-4) and not torch.allclose(ours, stock, atol=1e-2)
