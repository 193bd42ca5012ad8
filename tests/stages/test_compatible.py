"""`expunge compatible`: does a pipeline have the original encoder, tensor by tensor?"""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from tests.support.attested import ENCODER, command


def compatible(*words: str) -> Any:
    return command("compatible", *words)


def test_a_pipeline_that_shares_the_encoder(here: Path) -> None:
    own = load_file("bases/tiny/t2i/text_encoder/model.safetensors")
    found = compatible("list/one", "bases/tiny/t2i")
    assert found.exit_code == 0 and "has the original text encoder (" in found.stdout, found.output
    Path("half").mkdir()
    save_file({name: tensor.to(torch.float32) for name, tensor in own.items()}, "half/model.safetensors")
    found = compatible("audit/list/one.json", "half")
    assert found.exit_code == 0 and "encoder, after a cast to float16" in found.stdout, found.output
    name = next(iter(own))
    save_file({**own, name: own[name] + 1, "more": own[name]}, "half/model.safetensors")
    found = compatible("list/one", "half")
    assert (
        found.exit_code == 1 and "tensors that differ (1): " in found.stdout and "are unknown (1): more" in found.stdout
    )
    found = compatible("list/one", str(ENCODER))  # the unlearned one itself is another
    assert found.exit_code == 1
    assert compatible("list/one", "concepts").exit_code == 2 and compatible("list/none", "half").exit_code == 2
    Path("half/model.safetensors").write_bytes(b"x")
    assert compatible("list/one", "half").exit_code == 2
