"""An encoder kept as its change alone: the same numbers on every machine, whole again to the byte."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from expunge.bases.base import load, load_edit, store_edit
from expunge.bases.change import A, B, made_whole, on_grid, read_change, write_whole
from expunge.bases.change_mark import is_change, whole_digests
from expunge.bases.edits import Edit
from expunge.bases.exports import Order, export
from expunge.bases.spec import load_spec
from expunge.bases.text import encode_prompts
from expunge.core.digest import folder_files
from expunge.core.errors import InputError
from expunge.methods import unlearn
from tests.support import tiny_pixart, tiny_sdxl, tiny_video
from tests.support.made_data import drawn_data

PROMPTS = ["a photo of bolt", "a cat"]
BASES = {
    "tiny-sdxl": tiny_sdxl.make_base, "tiny-pixart": tiny_pixart.make_base,
    "wan": lambda folder: tiny_video.make_base(folder, "wan"),
}  # fmt: skip
SIZES = [1e-6, 1.0, 300.0]
FACTORS = arrays(np.float32, (3, 5), elements=st.floats(-1, 1, width=32))


@given(FACTORS, FACTORS, st.sampled_from(SIZES), st.sampled_from(SIZES))
def test_factors_on_a_grid_are_near_and_their_product_has_no_rounding(
    a: Any, b: Any, size_a: float, size_b: float
) -> None:
    first, second = torch.from_numpy(a) * size_a, torch.from_numpy(b.T.copy()) * size_b
    made = on_grid({f"x{A}": first, f"x{B}": second})
    one, other = made[f"x{A}"], made[f"x{B}"]
    assert torch.equal(one.half().float(), one) and torch.equal(other.half().float(), other)
    exact = other.double() @ one.double()
    turned = sum(torch.outer(other.double()[:, k], one.double()[k]) for k in (2, 0, 1))
    assert torch.equal(exact, turned)
    largest = (second.double().abs().amax(0) * first.double().abs().amax(1)).max()
    error = 3 * (2.0**-9 * largest + 2.0**-22 * largest.sqrt() + 2.0**-48)  # float16 has no step below 2^-24
    assert (exact - second.double() @ first.double()).abs().max() <= error


@pytest.fixture(scope="module", params=["tiny", *BASES])
def solved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """(a base, an edit with an adapter)."""
    if request.param == "tiny":
        base = request.getfixturevalue("tiny_base")
    else:
        base = load(load_spec(request.param, BASES[request.param](tmp_path_factory.mktemp("made") / "bases")))
    knobs = {"others": 8, "beyond": 0.0}
    return base, unlearn("solve", base, [drawn_data(base)], ["a cat", "the house"], knobs, seed=0).edit


def test_the_change_alone_draws_as_the_whole_does(solved: Any, tmp_path: Path) -> None:
    base, edit = solved
    store_edit(base, tmp_path / "whole", edit)
    store_edit(base, tmp_path / "change", edit, "change")
    assert not list((tmp_path / "change").rglob("model.safetensors")) and is_change(tmp_path / "change")
    whole, change = (load_edit(base, tmp_path / name) for name in ("whole", "change"))
    was, one, other = (encode_prompts(base, PROMPTS, e) for e in (base.encoder, whole.encoder, change.encoder))
    assert (one - was).norm() > 0 and (one - other).norm() < 0.02 * (one - was).norm()
    assert not any(parameter.requires_grad for parameter in change.encoder.parameters())
    assert {n: t.dtype for n, t in change.encoder.state_dict().items()} == {
        n: t.dtype for n, t in base.encoder.state_dict().items()
    }


def test_it_is_made_whole_to_the_byte(solved: Any, tmp_path: Path) -> None:
    base, edit = solved
    family, dtype = base.spec.family, base.encoder_dtype
    store_edit(base, tmp_path / "change", edit, "change")
    again = read_change(tmp_path / "change", family, base.encoder, dtype, base.device)
    write_whole(again, tmp_path / "change", tmp_path / "made", family, dtype)
    digests = whole_digests(tmp_path / "change")
    assert digests and digests.items() <= folder_files(tmp_path / "made").items()
    loaded, change = load_edit(base, tmp_path / "made"), load_edit(base, tmp_path / "change")
    assert torch.equal(*(encode_prompts(base, PROMPTS, each.encoder) for each in (loaded, change)))
    if "encoder" in family.EXPORTS:
        export(Order("l/one", "solve", tmp_path / "change", base.spec), "encoder", tmp_path / "out")
        assert digests.items() <= folder_files(tmp_path / "out").items()
        assert not list(tmp_path.glob(".whole*"))


def test_an_edit_without_an_adapter_is_stored_whole(tiny_base: Any, tmp_path: Path) -> None:
    store_edit(tiny_base, tmp_path / "edit", Edit(tiny_base.encoder), "change")
    assert (tmp_path / "edit" / "model.safetensors").is_file() and whole_digests(tmp_path / "edit") == {}


def test_another_base_is_refused(tiny_base: Any, tmp_path: Path) -> None:
    edit = unlearn("distil", tiny_base, [drawn_data(tiny_base)], ["a cat"], {"steps": 2, "batch": 2}, seed=0).edit
    store_edit(tiny_base, tmp_path / "edit", edit, "change")
    pixart = load(load_spec("tiny-pixart", tiny_pixart.make_base(tmp_path / "bases")))
    with pytest.raises(InputError, match="does not fit the base"):
        load_edit(pixart, tmp_path / "edit")
    changed = made_whole(tiny_base.spec.family, tiny_base.encoder, edit.adapter, torch.float16)
    other = replace(tiny_base, encoder=changed)
    with pytest.raises(InputError, match="made whole here, is not what was tested"):
        write_whole(load_edit(other, tmp_path / "edit"), tmp_path / "edit", tmp_path / "out",
                    other.spec.family, other.encoder_dtype)  # fmt: skip
