"""A broken .dvc/tmp/rwlock is found and, when nothing runs, removed."""

from pathlib import Path

import pytest

from expunge.core import rwlock as doctor
from expunge.core.errors import InputError


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    (tmp_path / ".dvc" / "tmp").mkdir(parents=True)
    return tmp_path / ".dvc" / "tmp" / "rwlock"


def test_all_is_well(lock: Path) -> None:
    root = lock.parents[2]
    assert "nothing to fix" in doctor.repair_rwlock(root, fix=True)
    lock.write_text('{"read": {}, "write": {"/x": {"pid": 1, "cmd": "dvc repro"}}}')
    assert "nothing to fix" in doctor.repair_rwlock(root, fix=True)
    assert lock.exists()


@pytest.mark.parametrize(
    ("text", "why"), [("", "is empty"), ("{", "not JSON"), ("[]", "not what DVC"), ('{"a": 1}', "not what DVC")]
)
def test_a_broken_lock(lock: Path, text: str, why: str) -> None:
    lock.write_text(text)
    root = doctor.find_repository(lock.parent)
    with pytest.raises(InputError, match=f"{why}.*; run `expunge doctor --fix`"):
        doctor.repair_rwlock(root, fix=False)
    assert lock.exists()
    assert "removed" in doctor.repair_rwlock(root, fix=True)
    assert not lock.exists()


def test_a_lock_is_left_alone_while_dvc_runs(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock.write_text("")
    monkeypatch.setattr(doctor, "running_dvc", lambda root: [42])
    with pytest.raises(InputError, match=r"process 42.*wait"):
        doctor.repair_rwlock(lock.parents[2], fix=True)
    assert lock.exists()


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run it in the repository"):
        doctor.find_repository(tmp_path)
