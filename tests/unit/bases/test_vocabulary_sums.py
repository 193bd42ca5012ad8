"""Sums over the kept vocabulary: computed once a base, found again in a file, never believed when it is damaged."""

import copy
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from expunge.bases import vocabulary_sums as module
from expunge.bases.vocabulary_sums import Passing, sums_of, vocabulary_means, vocabulary_sums

PROMPTS = ["a photo of a house", "the sea", "a picture of a tree"]


@pytest.fixture
def fresh(tiny_base: Any, tmp_path: Path) -> Any:
    """Makes a base as a new process would load it: nothing is in memory."""

    def make() -> Any:
        return replace(tiny_base, encoder=copy.deepcopy(tiny_base.encoder), sums=tmp_path / "sums")

    return make


def equal(one: Any, other: Any) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("computed again")

    monkeypatch.setattr(module, "sums_of", never)


@torch.no_grad()
def test_the_next_process_reads_what_one_has_computed(fresh: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = vocabulary_sums(fresh(), PROMPTS)
    assert equal(first, sums_of(fresh(), PROMPTS))
    forbid(monkeypatch)
    assert equal(vocabulary_sums(fresh(), PROMPTS), first)


@torch.no_grad()
def test_other_prompts_and_other_weights_have_files_of_their_own(fresh: Any, tmp_path: Path) -> None:
    one, other = fresh(), fresh()
    other.encoder.get_parameter(next(iter(dict(other.encoder.named_parameters())))).mul_(1.1)
    assert not equal(vocabulary_sums(one, PROMPTS), vocabulary_sums(other, PROMPTS))
    vocabulary_sums(one, PROMPTS[:2])
    assert len(list((tmp_path / "sums").iterdir())) == 3


@pytest.mark.parametrize("damage", ["a number", "the end", "everything"])
@torch.no_grad()
def test_a_damaged_file_is_told_and_made_again(
    fresh: Any, tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first = vocabulary_sums(fresh(), PROMPTS)
    (file,) = (tmp_path / "sums").iterdir()
    whole = file.read_bytes()
    changed = {"a number": whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:], "the end": whole[:-9], "everything": b"?"}
    file.write_bytes(changed[damage])
    assert equal(vocabulary_sums(fresh(), PROMPTS), first)
    assert "is damaged" in capsys.readouterr().err
    assert file.read_bytes() == whole


@torch.no_grad()
def test_a_folder_that_cannot_be_written_is_told(
    fresh: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sums").write_text("a file in its place")
    assert vocabulary_sums(fresh(), PROMPTS)
    assert "cannot be written" in capsys.readouterr().err
    assert vocabulary_sums(replace(fresh(), sums=None), PROMPTS)


@torch.no_grad()
def test_what_was_not_used_for_longest_makes_room(fresh: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []
    for count in (1, 2, 3):
        vocabulary_sums(fresh(), PROMPTS[:count])
        made += [file for file in (tmp_path / "sums").iterdir() if file not in made]
    for age, file in enumerate(made):
        os.utime(file, ns=(age, age))
    vocabulary_sums(fresh(), PROMPTS[:1])  # the oldest, and used now
    monkeypatch.setattr(module, "MOST_ON_DISK", 2 * made[0].stat().st_size)
    vocabulary_sums(fresh(), PROMPTS[1:])
    left = set((tmp_path / "sums").iterdir())
    assert len(left) == 2 and left & set(made) == {made[0]}
    monkeypatch.setattr(module, "MOST_ON_DISK", 0)
    vocabulary_sums(fresh(), PROMPTS[2:])
    assert len(list((tmp_path / "sums").iterdir())) == 1  # what was just made stays


@torch.no_grad()
def test_what_is_taken_away_was_added(tiny_base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest of all prompts is kept: those taken away count as they did beside it, so held and passing means
    are the same, and no direction has a mean below zero."""
    kept = ["a photo of a house by the sea under a wide and empty sky", "a picture of a tree"]
    gone = ["a photo of a dog", "a dog"]
    held = vocabulary_means(tiny_base, kept + gone, gone)
    monkeypatch.setattr(module, "MOST_NUMBERS", 0)
    passing = vocabulary_means(tiny_base, kept + gone, gone)
    assert isinstance(passing, Passing)
    for key, each in held.items():
        scale = float(each.diagonal().mean())
        torch.testing.assert_close(each, passing[key], rtol=1e-5, atol=1e-5 * scale)
        assert float(torch.linalg.eigvalsh(each).min()) > -1e-6 * scale
