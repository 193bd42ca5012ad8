"""Fixtures of the tests of records."""

import shutil
from pathlib import Path

import pytest

from tests.support.attested import command, make_attested, sign


@pytest.fixture(scope="session")
def attested(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Path:
    """A finished run with its records (`make_attested`)."""
    folder = tmp_path_factory.mktemp("attested")
    make_attested(folder, tiny_folder)
    return folder


@pytest.fixture
def here(attested: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to spoil, as the working folder."""
    shutil.copytree(attested, tmp_path / "run")
    monkeypatch.chdir(tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def key(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A key of the team's that may sign records, which the repository trusts."""
    monkeypatch.setenv("EXPUNGE_KEY_PASSWORD", "secret")
    file = here.parent / "team.pem"
    made = command("keys", "new", str(file), "--name", "the team", "--role", "record", "--role", "release")
    assert made.exit_code == 0, made.output
    Path("audit/trusted.yaml").write_text(made.stdout)
    return file


@pytest.fixture
def away(here: Path, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A third party's folder: the signed release, and the keys that they trust."""
    assert sign("--key", str(key)).exit_code == 0
    made = command("release", "small", "--key", str(key), "--tar")
    assert made.exit_code == 0 and "files, PASSED" in made.stdout, made.output
    folder = tmp_path / "away"
    shutil.copytree("release/small", folder / "small")
    shutil.copyfile("audit/trusted.yaml", folder / "ours.yaml")
    monkeypatch.chdir(folder)
    return folder
