"""What a family cannot do is one error at the plan."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from expunge.bases.families import cogvideox, pixart_allegro
from expunge.bases.spec import load_spec
from expunge.plan.family_limits import method_problems
from tests.support import tiny_pixart


def jobs(**methods: dict[str, Any]) -> Any:
    made = {
        f"list/{name}": SimpleNamespace(method=name.replace("_", "-"), parameters=own) for name, own in methods.items()
    }
    return SimpleNamespace(encoders=made)


@pytest.mark.parametrize(("layers", "few"), [(2, False), (1, True)])
def test_a_change_of_the_denoiser_must_fit_that_of_the_videos(tmp_path: Path, layers: int, few: bool) -> None:
    """Latte with fewer layers than PixArt cannot take what is done to all of PixArt's."""
    spec = load_spec("tiny-pixart", tiny_pixart.make_base(tmp_path / "bases", layers=layers))
    made = jobs(uce={}, solve={}, esd={"trained": "full"})
    found = method_problems(made, spec)
    assert [problem.where for problem in found] == ["list/uce"] * few
    if few:
        said = (
            "uce changes the denoiser, and that of the videos has no transformer_blocks.1.attn2.to_k.bias of the same"
        )
        assert said in str(found[0]) and "(8 such tensors); use a method that changes the text encoder" in str(found[0])


@pytest.mark.parametrize(
    ("name", "parameters", "wrong"),
    [
        ("uce", {}, True),
        ("null_space", {}, True),
        ("esd", {"trained": "cross-attention"}, True),
        ("esd", {"trained": "full"}, False),
        ("solve", {}, False),
    ],
)
def test_methods_that_need_cross_attention(name: str, parameters: dict[str, Any], wrong: bool) -> None:
    plan = jobs(**{name: parameters})
    found = method_problems(plan, SimpleNamespace(family=cogvideox, file=Path("bases/x.yaml")))  # type: ignore[arg-type]
    assert bool(found) == wrong
    if wrong:
        assert "the denoiser of CogVideoX has none" in str(found[0]) and "such as solve" in str(found[0])


@pytest.mark.parametrize(
    ("name", "parameters", "wrong"),
    [
        ("uce", {}, True),
        ("ablate", {"trained": "denoiser"}, True),
        ("esd", {"trained": "cross-attention"}, True),
        ("ablate", {"trained": "full"}, False),
        ("solve", {}, False),
    ],
)
def test_a_denoiser_of_videos_that_a_change_would_not_fit(name: str, parameters: dict[str, Any], wrong: bool) -> None:
    found = method_problems(jobs(**{name: parameters}), SimpleNamespace(family=pixart_allegro))  # type: ignore[arg-type]
    assert bool(found) == wrong
    if wrong:
        assert "that of videos of PixArt with Allegro has other layers" in str(found[0])
