"""The benchmark of real sizes: its configurations are the published ones, its counts and its scaling are right, and
every part of it runs on a small base."""

from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import real_parts, real_size
from benchmarks.random_base import families, full_sizes, make, read_config, with_sizes, write_base
from benchmarks.results import append
from benchmarks.work import Work, apart, bound, rates
from expunge.bases.base import load
from expunge.bases.spec import load_spec

CPU = torch.device("cpu")
# millions of parameters, as published
PUBLISHED = {
    "sd": {"text_encoder": 123, "unet": 860, "vae": 84, "t2v": 454},
    "sdxl": {"text_encoder": 123, "text_encoder_2": 695, "unet": 2567, "vae": 84},
    "pixart": {"text_encoder": 4762, "transformer": 611, "vae": 84, "t2v": 1057},
    "cogvideox": {"text_encoder": 4762, "transformer": 1694, "vae": 216},
    "wan": {"text_encoder": 5681, "transformer": 1419, "vae": 127},
}
EVERY = {"encode", "picture", "video", "uce", "distil step", "distil, once", "few-shot step", "ablate step", "esd step",
         "solve", "solve, once", "solve, layers", "solve, rest"}  # fmt: skip


def tiny() -> dict[str, Any]:
    """Stable Diffusion's configuration, as narrow as can be."""
    config = with_sizes(read_config("sd"), {"encoder": 2, "rows": 4096})
    parts = config["t2i"]["parts"]
    parts["text_encoder"]["config"] |= {
        "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2, "projection_dim": 32,
    }  # fmt: skip
    parts["unet"]["config"] |= {
        "block_out_channels": [16, 32], "layers_per_block": 1, "cross_attention_dim": 32, "attention_head_dim": 2,
        "norm_num_groups": 8, "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    }  # fmt: skip
    parts["vae"]["config"] |= {
        "block_out_channels": [8, 16], "norm_num_groups": 8, "down_block_types": ["DownEncoderBlock2D"] * 2,
        "up_block_types": ["UpDecoderBlock2D"] * 2,
    }  # fmt: skip
    config["t2v"]["config"] |= {
        "block_out_channels": [16, 32], "motion_layers_per_block": 1, "motion_num_attention_heads": 2,
        "motion_norm_num_groups": 8,
    }  # fmt: skip
    config["latents"] = {"picture": [4, 8, 8], "video": [4, 2, 8, 8]}
    config["base"] |= {"resolution": 16, "frames": 2, "device": "cpu", "dtype": "float32"}
    return config


@pytest.mark.parametrize("family", families())
def test_a_configuration_has_the_published_number_of_parameters(family: str) -> None:
    config = read_config(family)
    assert set(full_sizes(config)) <= set(real_size.SIZES)
    for name, millions in PUBLISHED[family].items():
        part = config["t2v"] if name == "t2v" else config["t2i"]["parts"][name]
        with torch.device("meta"):
            model = make(part["class"], part["config"])
        assert round(sum(each.numel() for each in model.parameters()) / 1e6) == pytest.approx(millions, abs=1), name


def test_every_part_runs_on_a_small_base(tmp_path: Path) -> None:
    config = tiny()
    write_base(tmp_path, "sd", config)
    spec = load_spec("sd", tmp_path)
    spec.raw["latents"] = config["latents"]
    base, rows = load(spec, t2v=True), dict[str, Any]()
    for part in real_parts.USUAL:
        rows |= real_parts.PARTS[part](base, 0, 24)
    assert rows.keys() == EVERY
    for name, (took, flops) in rows.items():
        assert took > 0 and sum(flops.values()) > 0, name
    assert rows["solve, layers"][1]["float64"] > 0  # its factorisations
    both = {kind: rows["solve, layers"][1][kind] + rows["solve, rest"][1].get(kind, 0) for kind in rows["solve"][1]}
    assert both == rows["solve"][1]


def test_products_and_factorisations_are_counted_by_kind() -> None:
    one, wide = torch.eye(30, dtype=torch.float64), torch.zeros(30, 7, dtype=torch.float64)
    with Work() as work:
        torch.zeros(4, 5) @ torch.zeros(5, 6)
        lower = torch.linalg.cholesky(one)
        torch.cholesky_solve(wide, lower)
        torch.linalg.eigh(one)
        torch.linalg.solve(one, wide)
    counted = {kind: pytest.approx(done) for kind, done in work.flops.items()}
    factors = 30**3 / 3 + 2 * 30**2 * 7 + 30**3 * 14 / 3 + 30**3 * 2 / 3 + 2 * 30**2 * 7
    assert counted == {"float32": 2 * 4 * 5 * 6, "float64": factors}
    assert bound({"float32": 10.0, "float64": 10.0}, {"float32": 5.0, "float64": 2.0}) == 7
    assert rates(CPU, ["float32"], 64)["float32"] > 0


def test_scaling_is_exact_where_growth_is_linear_in_each_size() -> None:
    def cost(encoder: int, rows: int, words: int) -> float:
        return 3 + 5 * encoder + 2 * rows + 7 * words + 11 * encoder * words

    small, full = {"encoder": 2, "rows": 100, "words": 8}, {"encoder": 24, "rows": 3000, "words": 512}
    growth = {size: full[size] / small[size] - 1 for size in small}
    points = real_size.points_of(small, "distil step")
    measured = {
        doubled: cost(**{size: value * 2 if size in doubled else value for size, value in small.items()})
        for doubled in points
    }
    assert real_size.scaled(measured, growth) == pytest.approx(cost(**full))
    assert frozenset({"words"}) not in real_size.points_of(small, "picture")


def test_the_page_shows_the_last_rows_at_full_size(tmp_path: Path) -> None:
    file, full = tmp_path / "rows.csv", {**full_sizes(read_config("sd")), "words": real_size.WORDS}
    for part, took, sizes in (("solve, layers", 9, full), ("solve, layers", 4, full), ("solve, rest", 2, full),
                              ("solve, rest", 7, {**full, "encoder": 2})):  # fmt: skip
        figures = {"seconds": took, "flops": 1e12, "bound_seconds": 1, "peak_bytes": 2**30, "scaled": "no"}
        append(file, real_size.COLUMNS, {"family": "sd", "part": part, "device": "cpu", **sizes, **figures})
    lines = [line[:4] for line in real_size.table(real_size.at_full_size(file))[1:]]
    assert lines == [["sd", "solve, layers", "4", "1"], ["sd", "solve, rest", "2", "1"],
                     ["sd", "a concept by solve", "6", "2"]]  # fmt: skip


def test_memory_is_that_of_a_process_of_its_own() -> None:
    _, little = apart(CPU, lambda: None)
    size, much = apart(CPU, lambda: len(torch.ones(2**25)))
    assert size == 2**25 and much - little > 0.9 * 2**27
    with pytest.raises(RuntimeError, match="without a result"):
        apart(CPU, lambda: exit(3))
