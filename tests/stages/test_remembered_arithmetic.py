"""What `auto` means is asked of torch once, and again where the machine or the base's file has changed."""

from dataclasses import replace
from pathlib import Path

import pytest

from expunge.bases.arithmetic import Arithmetic, arithmetic_of
from expunge.bases.base_digest import base_parts
from expunge.bases.spec import Spec, load_spec
from expunge.core.errors import InputError
from expunge.judging.judge_digest import judge_parts
from stages.runtime import planned, remembered_arithmetic
from stages.runtime.remembered_arithmetic import resolved
from tests.support.paths import ROOT


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The devices that torch was asked about."""
    monkeypatch.chdir(tmp_path)
    told = list[str]()

    def of(spec: Spec) -> Arithmetic:
        told.append(spec.device)
        return arithmetic_of(spec)

    monkeypatch.setattr(remembered_arithmetic, "arithmetic_of", of)
    return told


@pytest.fixture
def spec() -> Spec:
    return load_spec("emoji", ROOT / "bases")


def test_torch_is_asked_once(asked: list[str], spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    once = resolved(spec)
    assert Arithmetic(once.device, once.dtype) == arithmetic_of(spec) and asked == ["auto"]
    assert resolved(spec) == once and len(asked) == 1
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    assert resolved(spec) == once and len(asked) == 2, "a GPU may have come"
    monkeypatch.setattr(remembered_arithmetic.psutil, "boot_time", lambda: 5.0)
    assert resolved(spec) == once and len(asked) == 3
    Path(".expunge/arithmetic.json").write_text("{")
    assert resolved(spec) == once and len(asked) == 4


def test_what_the_file_says_is_taken_as_it_is(asked: list[str], spec: Spec) -> None:
    said = replace(spec, device="cpu", dtype="float32")
    assert resolved(said) is said and not asked


def test_it_changes_no_key(asked: list[str], spec: Spec) -> None:
    assert base_parts(resolved(spec)) == base_parts(spec) and judge_parts(resolved(spec)) == judge_parts(spec)


def test_a_machine_that_computes_otherwise_is_asked_again(
    asked: list[str], spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved(spec)
    planned.require_arithmetic.cache_clear()
    monkeypatch.setattr(planned, "load_spec", lambda name: spec)
    with pytest.raises(InputError, match="the plan is for cuda"):
        planned.require_arithmetic("emoji", "cuda", "float16")
    assert not remembered_arithmetic.FILE.exists()
