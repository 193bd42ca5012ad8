"""The judge's digest, and judges by name."""

import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from expunge.bases import base_digest as base_digests
from expunge.bases.spec import load_spec
from expunge.core.digest import digest
from expunge.core.errors import InputError
from expunge.judging import judges
from expunge.judging.judge_digest import judge_digest, judge_parts
from tests.support import tiny
from tests.support.tiny_judge import VIT, make_folder

OWN = """
def load(spec, device):
    from expunge.judging.judges.open_clip import load as open_clip

    assert spec.judge.settings["strength"] == 2
    return open_clip(spec, device)
"""


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy of the base `tiny`, with a judge."""
    copy = Path(shutil.copytree(tiny_folder, tmp_path / "bases"))
    make_folder(copy / "tiny", VIT, motion=True)
    rewrite(copy, motion="tiny/motion")
    return copy


def rewrite(folder: Path, **changes: Any) -> None:
    raw = load_spec("tiny", folder).raw
    tiny.write_yaml(folder / "tiny.yaml", {**raw, "judge": {**raw["judge"], **changes}})


def test_what_the_judge_loads_is_in_its_digest_and_nothing_else(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = load_spec("tiny", folder)
    before, parts = judge_digest(spec), judge_parts(spec)
    assert before == digest(parts) and parts["type"] == "open-clip" and set(parts["versions"]) == {"open-clip-torch"}
    assert {"model/config.json", "motion/model.safetensors", "vocabulary", "tokenizer/vocab.json"} < set(parts["files"])
    (folder / "tiny" / "judge" / "README.md").write_text("prose")
    (folder / "tiny" / "judge" / "checkpoint.bin").write_bytes(b"of a training")
    assert judge_digest(spec) == before
    monkeypatch.setattr(base_digests, "version", lambda package: "99.1")
    assert judge_digest(spec) != before


@pytest.mark.parametrize(
    "name", ["vocabulary.yaml", "motion/config.json", "judge/model.safetensors", "t2i/tokenizer/merges.txt"]
)
def test_each_loaded_file_changes_it(folder: Path, name: str) -> None:
    spec = load_spec("tiny", folder)
    before = judge_digest(spec)
    file = folder / "tiny" / name
    file.write_bytes(file.read_bytes() + b"\n")
    assert judge_digest(spec) != before


def test_it_is_the_same_wherever_the_files_lie(folder: Path) -> None:
    before = judge_digest(load_spec("tiny", folder))
    (folder / "tiny" / "judge").rename(folder / "tiny" / "sub-judge")
    rewrite(folder, model="tiny/sub-judge", type="open-clip")
    assert judge_digest(load_spec("tiny", folder)) == before


def test_a_new_judge_is_one_file(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "my_judge.py").write_text(OWN)
    monkeypatch.setattr(judges, "__path__", [*judges.__path__, str(own)])
    rewrite(folder, type="my-judge", strength=2)
    spec = load_spec("tiny", folder)
    judge = judges.load_judge(spec, [("subject", "a robot")])
    assert judge.labels["subject"][-1].id == "a robot"
    parts = judge_parts(spec)
    assert (parts["type"], parts["judge.strength"], parts["versions"]) == ("my-judge", 2, {})
    assert "model/model.safetensors" in parts["files"]  # all that lies there, since it does not say what it loads
    module = sys.modules.pop("expunge.judging.judges.my_judge")
    assert isinstance(module, ModuleType)


def test_an_unknown_judge_is_one_line(folder: Path) -> None:
    rewrite(folder, type="open-clop")
    with pytest.raises(InputError, match=r"tiny\.yaml:\d+: there is no judge of the type 'open-clop'; write open-clip"):
        judge_digest(load_spec("tiny", folder))


def test_a_stray_key_of_the_usual_judge_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="there is no key 'strength' here"):
        rewrite(folder, strength=2)
        load_spec("tiny", folder)
