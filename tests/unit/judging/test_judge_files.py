"""A judge's files: what is wrong with them is known before it is loaded, and open_clip's own layout is read."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from expunge.bases.spec import load_spec
from expunge.core.errors import InputError
from expunge.judging.judge import features, text_features
from expunge.judging.judge_digest import judge_parts
from expunge.judging.judges import judge_problems, load_judge
from tests.support import tiny
from tests.support.faults import change_json, change_tensors
from tests.support.tiny_judge import TEXT, VIT, make_folder, noise


@pytest.fixture(scope="session")
def judged_folder(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like bases/ with the base `tiny` and a judge that knows motions. Read only."""
    copy = Path(shutil.copytree(tiny_folder, tmp_path_factory.mktemp("judged") / "bases"))
    make_folder(copy / "tiny", VIT, motion=True)
    return rewrite(copy, motion="tiny/motion")


@pytest.fixture
def folder(judged_folder: Path, tmp_path: Path) -> Path:
    """A copy of it whose files a test may change."""
    return Path(shutil.copytree(judged_folder, tmp_path / "bases"))


def rewrite(folder: Path, **changes: Any) -> Path:
    raw = load_spec("tiny", folder).raw
    tiny.write_yaml(folder / "tiny.yaml", {**raw, "judge": {**raw["judge"], **changes}})
    return folder


def publish(folder: Path, **config: Any) -> Path:
    """Lay the judge out as open_clip does, with a text tower that knows open_clip's own 49,408 tokens."""
    from open_clip.model import CLIP
    from safetensors.torch import save_file

    place = folder / "tiny" / "published"
    place.mkdir()
    text = {**TEXT, "vocab_size": 49408, **config}
    settings = {"model_cfg": {"embed_dim": 16, "vision_cfg": VIT, "text_cfg": text},
                "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}}  # fmt: skip
    (place / "open_clip_config.json").write_text(json.dumps(settings))
    plain = {key: value for key, value in text.items() if not key.startswith("hf_")}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        save_file(CLIP(16, dict(VIT), plain).state_dict(), place / "open_clip_model.safetensors")
    rewrite(folder, model="tiny/published", motion=None)
    return place


def lines(folder: Path) -> list[str]:
    return list(map(str, judge_problems(load_spec("tiny", folder))))


def test_a_good_judge_has_no_problems(judged_folder: Path) -> None:
    assert lines(judged_folder) == []


@pytest.mark.parametrize(
    ("text", "line", "match"),
    [
        ("stiles:\n- {id: sketch}\n", 1, "there is no key 'stiles' here; write style"),
        ("templates:\n  subjekt: ['a {}']\n", 2, "there is no key 'subjekt' here; write subject"),
        ("subject:\n- {id: owl, names: owl}\n", 2, "text where a list is wanted; write names: [owl]"),
        ("subject:\n- {id: owl, nmes: [owl]}\n", 2, "there is no key 'nmes' here; write names"),
        ("templates:\n  subject: a {}\n", 2, "text where a list is wanted"),
        ("templates:\n  subject:\n  - a picture\n", 3, "write text with {} for a name"),
        ("subject:\n- {id: owl}\n- {id: owl}\n", 3, "subject has 'owl' twice"),
        (None, 0, "is missing"),
    ],
)
def test_a_wrong_vocabulary_is_found_before_the_judge_is_loaded(
    folder: Path, text: str | None, line: int, match: str
) -> None:
    file = folder / "tiny" / "vocabulary.yaml"
    file.unlink()
    if text is not None:
        file.write_text(text)
    (said,) = judge_problems(load_spec("tiny", folder))
    assert said.line == line and said.files == (file.as_posix(),) and match in str(said)


def test_missing_and_broken_files_of_the_judge_are_told_at_once(folder: Path) -> None:
    (folder / "tiny/judge/model.safetensors").unlink()
    (folder / "tiny/judge/pytorch_model.bin").write_bytes(b"\x80\x04")
    (folder / "tiny/motion/config.json").write_text("{}")
    (folder / "tiny/vocabulary.yaml").write_text("subjects: []\n")
    said = lines(folder)
    assert len(said) == 3
    assert "has no model.safetensors; there is pytorch_model.bin: convert them where you trust them" in said[0]
    assert "write subject" in said[1] and "config.json has no labels, channels, size" in said[2]


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda base: shutil.rmtree(base / "judge"), "the judge's folder judge is not there"),
        (lambda base: shutil.rmtree(base / "motion"), "the motion classifier's folder motion has no config"),
        (lambda base: (base / "judge/config.json").write_text("[]"), "the judge's config.json is no JSON of settings"),
        (lambda base: change_json(base / "judge/config.json", model_cfg=None), "has no model_cfg: it is none"),
        (lambda base: change_json(base / "judge/config.json", tokenizer="nowhere"), "'nowhere' holds no vocab.json"),
        (lambda base: (base / "judge/model.safetensors").write_bytes(b"oops"), "is no safetensors file"),
    ],
)  # fmt: skip
def test_a_fault_of_the_judge_is_one_line(folder: Path, spoil: Any, match: str) -> None:
    spoil(folder / "tiny")
    (said,) = lines(folder)
    assert match in said and said.startswith(f"{folder.as_posix()}/tiny.yaml:")
    with pytest.raises(InputError):
        load_judge(load_spec("tiny", folder))


def test_weights_of_a_judge_that_are_no_numbers_are_refused(folder: Path) -> None:
    nan = torch.tensor(float("nan"), dtype=torch.float16)
    change_tensors(folder / "tiny/judge/model.safetensors", lambda state: state | {"logit_scale": nan})
    with pytest.raises(InputError, match=r"the judge: 1 tensors hold NaN or infinity \(logit_scale\)"):
        load_judge(load_spec("tiny", folder))


def test_a_folder_as_open_clip_publishes_it(folder: Path) -> None:
    place = publish(folder)
    (place / "config.json").write_text('{"model_type": "clip"}')  # for transformers, in the same repository
    (place / "model.safetensors").write_bytes(b"for transformers")
    (place / "open_clip_pytorch_model.bin").write_bytes(b"\x80\x04")
    assert lines(folder) == []
    spec = load_spec("tiny", folder)
    assert {"model/open_clip_config.json", "model/open_clip_model.safetensors", "vocabulary"} == set(
        judge_parts(spec)["files"]
    )
    judge = load_judge(spec)
    assert judge.preprocess == {"size": 32, "mean": [0.5] * 3, "std": [0.25] * 3}
    import open_clip

    theirs = open_clip.create_model(f"local-dir:{place}").eval()
    tokens = open_clip.get_tokenizer(f"local-dir:{place}")(["an owl", "a teapot"])
    assert np.allclose(
        text_features(judge, ["an owl", "a teapot"]), theirs.encode_text(tokens, normalize=True).detach()
    )
    assert features(judge, noise(2, 32, 32)).shape == (2, 16)


@pytest.mark.parametrize(
    ("config", "spoil", "match"),
    [
        ({}, lambda place: (place / "open_clip_model.safetensors").rename(place / "open_clip_pytorch_model.bin"),
         "has no open_clip_model.safetensors; there is open_clip_pytorch_model.bin: convert"),
        ({"hf_model_name": "xlm-roberta-base"}, lambda place: None, "text tower is xlm-roberta-base, which open_clip"),
        ({"hf_tokenizer_name": "org/name"}, lambda place: None, "needs the tokenizer org/name, and the folder"),
        ({}, lambda place: change_json(place / "open_clip_config.json", model_cfg=None), "has no model_cfg"),
    ],
)  # fmt: skip
def test_a_published_folder_that_cannot_be_used(folder: Path, config: dict[str, Any], spoil: Any, match: str) -> None:
    spoil(publish(folder, **config))
    (said,) = lines(folder)
    assert match in said


def test_published_weights_that_do_not_fit_are_refused(folder: Path) -> None:
    place = publish(folder)
    change_tensors(place / "open_clip_model.safetensors", lambda state: {f"module.{n}": t for n, t in state.items()})
    with pytest.raises(InputError, match=r"the weights are not those of config.json"):
        load_judge(load_spec("tiny", folder))
