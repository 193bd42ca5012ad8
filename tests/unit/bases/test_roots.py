"""Models outside the repository: below a root that each machine names for itself, or behind a link."""

import json
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from expunge.bases.base import load, store_edit
from expunge.bases.base_digest import base_parts
from expunge.bases.check import base_problems
from expunge.bases.edits import Edit
from expunge.bases.hub import read_lock
from expunge.bases.spec import load_spec
from expunge.bases.tokenizer import light_tokenizer
from expunge.cli import app
from expunge.core.digest import Fingerprint
from expunge.core.errors import InputError
from expunge.judging.judge_digest import judge_parts
from tests.support.faults import change_base
from tests.support.tiny_judge import VIT, make_folder

T2I = {"pipeline": "StableDiffusionPipeline", "path": "$EXPUNGE_MODELS/sd/t2i"}


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The base `tiny`, whose T2I model and judge lie in secret-place/, the root EXPUNGE_MODELS."""
    folder, root = Path(shutil.copytree(tiny_folder, tmp_path / "bases")), tmp_path / "secret-place"
    (root / "sd").mkdir(parents=True)
    (folder / "tiny/t2i").rename(root / "sd/t2i")
    make_folder(root / "judge", VIT)
    monkeypatch.setenv("EXPUNGE_MODELS", str(root))
    judge = {"model": "${EXPUNGE_MODELS}/judge/judge", "vocabulary": "tiny/vocabulary.yaml"}
    change_base(folder, t2i=T2I, judge=judge)
    return folder


def test_a_root_of_the_environment(folder: Path, tmp_path: Path) -> None:
    spec = load_spec("tiny", folder)
    assert base_problems(spec) == [] and light_tokenizer(spec) is not None
    base = load(spec, t2v=True)
    assert base.t2i is not None
    store_edit(base, tmp_path / "encoder", Edit(base.encoder))
    published = [json.dumps([vars(Fingerprint.of(parts(spec))) for parts in (base_parts, judge_parts)]),
                 spec.lock.read_text(), (tmp_path / "encoder/config.json").read_text()]  # fmt: skip
    assert not any("secret-place" in text or str(tmp_path) in text for text in published)
    assert set(read_lock(spec)) == {"$EXPUNGE_MODELS/sd/t2i", "${EXPUNGE_MODELS}/judge/judge"}


def test_the_digest_is_that_of_the_same_files_inside(folder: Path, tiny_folder: Path) -> None:
    assert base_parts(load_spec("tiny", folder)) == base_parts(load_spec("tiny", tiny_folder))


def test_a_root_of_the_local_file(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXPUNGE_MODELS")
    with pytest.raises(InputError, match=r"tiny.yaml:\d+: this machine has no folder \$EXPUNGE_MODELS; set the env"):
        load_spec("tiny", folder)
    (folder / "local.yaml").write_text(f"EXPUNGE_MODELS: {tmp_path / 'secret-place'}\n")
    assert base_problems(load_spec("tiny", folder)) == []
    with pytest.raises(InputError, match=r"there is no .*local.yaml; write one of tiny"):
        load_spec("local", folder)
    (folder / "local.yaml").write_text("EXPUNGE_MODELS: [\n")
    with pytest.raises(InputError, match=r"local.yaml cannot be read"):
        load_spec("tiny", folder)
    (folder / "local.yaml").write_text("EXPUNGE_MODELS: somewhere\n")
    with pytest.raises(InputError, match=r"the folder \$EXPUNGE_MODELS is not there; set EXPUNGE_MODELS to an"):
        load_spec("tiny", folder)


def test_a_misspelt_root_hides_nothing_else(folder: Path) -> None:
    raw = load_spec("tiny", folder).raw
    judge = {**raw["judge"], "model": "$EXPUNGE_MODELZ/judge/judge"}
    change_base(folder, t2i={**T2I, "path": "$EXPUNGE_MODELS/sd16"}, judge=judge)
    result = CliRunner().invoke(app, ["check-base", "tiny", "--bases", str(folder)])
    said = result.stderr.splitlines()
    assert result.exit_code == 2 and len(said) == 2
    assert "this machine has no folder $EXPUNGE_MODELZ; write $EXPUNGE_MODELS, or set" in result.stderr
    assert "there is no $EXPUNGE_MODELS/sd16; correct the path" in result.stderr


@pytest.mark.parametrize("path", ["$EXPUNGE_MODELS/../x", "$EXPUNGE_MODELS/a/../../x", "$EXPUNGE_MODELS//etc"])
def test_a_path_cannot_leave_its_root(folder: Path, path: str) -> None:
    with pytest.raises(InputError, match="leaves its root"):
        change_base(folder, t2i={**T2I, "path": path})
        load_spec("tiny", folder)


def test_an_absolute_path_says_how_to_name_a_root(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not inside .*or `\$NAME/...` with the folder NAME in the environment"):
        change_base(folder, t2i={**T2I, "path": str(tmp_path / "secret-place/sd/t2i")})
        load_spec("tiny", folder)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("sd/t2i/vae/config.json", r"tiny.yaml:\d+: \$EXPUNGE_MODELS/sd/t2i is not what .* recorded: vae/config"),
        ("judge/judge/config.json", r"\$\{EXPUNGE_MODELS\}/judge/judge is not what .* recorded: config.json"),
        ("judge/t2i/tokenizer/vocab.json", r"judge/judge is not what .* recorded: tokenizer/vocab.json"),
    ],
)  # fmt: skip
def test_what_lies_outside_is_pinned_by_its_digest(folder: Path, tmp_path: Path, name: str, match: str) -> None:
    spec = load_spec("tiny", folder)
    for parts in (base_parts, judge_parts):
        parts(spec)
    written = spec.lock.read_bytes()
    for parts in (base_parts, judge_parts):
        parts(spec)
    assert spec.lock.read_bytes() == written
    file = tmp_path / "secret-place" / name
    file.write_text(file.read_text() + "\n")
    with pytest.raises(InputError, match=match):
        for parts in (base_parts, judge_parts):
            parts(spec)


def test_a_link_to_a_folder_is_followed_hashed_and_pinned(folder: Path, tmp_path: Path) -> None:
    os.symlink(tmp_path / "secret-place/sd", folder / "linked")
    change_base(folder, t2i={**T2I, "path": "linked/t2i"})
    spec = load_spec("tiny", folder)
    parts = base_parts(spec)
    assert "t2i/unet/config.json" in parts["files"] and "linked/t2i" in read_lock(spec)
    assert load(spec).encoder is not None
    weights = tmp_path / "secret-place/sd/t2i/unet/diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    with pytest.raises(InputError, match=r"linked/t2i is not what .*: unet/diffusion_pytorch_model.safetensors"):
        base_parts(spec)
