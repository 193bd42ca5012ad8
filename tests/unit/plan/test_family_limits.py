"""What a family cannot do is one error at the plan."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from expunge.bases.families import cogvideox, pixart_allegro, sd
from expunge.plan.family_limits import method_problems


def jobs(**methods: dict[str, Any]) -> Any:
    made = {
        f"list/{name}": SimpleNamespace(method=name.replace("_", "-"), parameters=own) for name, own in methods.items()
    }
    return SimpleNamespace(encoders=made)


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
    assert method_problems(plan, SimpleNamespace(family=sd)) == []  # type: ignore[arg-type]


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
