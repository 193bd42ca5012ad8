"""Bases as files: what bases/<name>.yaml may say, and the tokenizer that is read without torch."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from expunge.bases import hub
from expunge.bases.spec import PARTS, load_spec
from expunge.bases.tokenizer import light_tokenizer
from expunge.core.errors import InputError
from tests.support import tiny
from tests.support.paths import ROOT


def test_shipped_specs_are_valid_and_pinned() -> None:
    emoji, real = load_spec("emoji", ROOT / "bases"), load_spec("sd15-animatediff", ROOT / "bases")
    assert (
        emoji.t2v.parts.keys() == {"unet"}
        and emoji.t2v.source is None
        and (emoji.t2i.width, emoji.t2v.height) == (64, 64)
    )
    assert emoji.t2i.steps == emoji.t2v.steps == 12 and emoji.t2i.scheduler == "DPMSolverMultistepScheduler"
    assert real.t2v.scheduler == "DDIMScheduler" and real.t2v.scheduler_options["beta_schedule"] == "linear"
    for source in (real.t2i.source, real.t2v.parts["motion_adapter"], real.judge.weights):
        assert source is not None and hub.COMMIT.fullmatch(source.revision or "")
    assert real.prompts.is_file() and real.judge.vocabulary is not None and real.judge.vocabulary.is_file()


def test_the_schema_has_a_key_for_each_part_that_a_family_names() -> None:
    schema = json.loads((ROOT / "expunge/bases/schema.json").read_text("utf-8"))["properties"]
    keys = schema["t2v"]["properties"]
    assert PARTS.keys() == keys.keys() - schema["t2i"]["properties"].keys()
    assert all(f"`{key}:`" in schema["t2v"]["description"] for key in PARTS)


def test_every_error_of_a_spec_at_once_with_lines(tmp_path: Path) -> None:
    tiny.write_yaml(tmp_path / "bad.yaml", {
        "name": "bad", "t2i": {"pipeline": "EvilPipeline", "path": "x"},
        "t2v": {"pipeline": "AnimateDiffPipeline", "adapter": {"repo": "a/b", "revision": "main"}},
        "judge": {}, "prompts": "p.yaml", "resolution": 63, "frames": 0, "fps": 8, "steps": 3, "guidance": 2,
        "extra": 1,
    })  # fmt: skip
    with pytest.raises(InputError) as caught:
        load_spec("bad", tmp_path)
    problems = [str(problem) for problem in caught.value.problems]
    for word in ("EvilPipeline", "judge", "resolution", "frames", "extra", "revision"):
        assert any(word in problem for problem in problems), (word, problems)
    lines = (tmp_path / "bad.yaml").read_text().splitlines()
    for key, text in (("frames", "frames: 0"), ("revision", "revision: main"), ("extra", "extra: 1")):
        where = next(problem.where for problem in caught.value.problems if key in problem.what)
        assert lines[int(where.rsplit(":", 1)[1]) - 1].strip() == text


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"t2i": {"pipeline": "StableDiffusionPipeline", "path": "a", "repo": "a/b", "revision": None}}, "both `path`"),
        ({"t2i": {"pipeline": "StableDiffusionPipeline", "repo": "a/b"}}, "`repo` without a `revision`"),
        ({"t2i": {"pipeline": "StableDiffusionPipeline"}}, "neither `path` nor `repo`"),
        ({"t2v": {"pipeline": "AnimateDiffPipeline", "unet": {}}}, "neither `path` nor `repo`"),
        ({"judge": {"model": "a", "pretrained": {"name": "a", "tag": "b"}}}, "both `model` and `pretrained`"),
        ({"judge": {"vocabulary": "a"}}, "neither `model` nor `pretrained`"),
        ({"judge": {"model": "a", "vocabulry": "a"}}, "write vocabulary"),
        ({"steps": 1.5}, "write a whole number"),
        ({"resolution": [512]}, r"`resolution` has 1 entries; write \[width, height\]"),
        ({"resolution": [512, 100]}, "`resolution` is 100; write a multiple of 8"),
        ({"resolution": "512x288"}, r"`resolution` is '512x288' where a whole number is wanted"),
        ({"steps": "12"}, "where a whole number is wanted"),
        ({"guidance": float("nan")}, "not finite"),
        ({"dtype": "bfloat"}, "write bfloat16"),
        ({"prompts": 5}, "put it in quotes"),
    ],
)
def test_what_a_spec_may_not_say(tmp_path: Path, changes: dict[str, Any], match: str) -> None:
    raw = load_spec("emoji", ROOT / "bases").raw
    tiny.write_yaml(tmp_path / "bad.yaml", {**raw, "name": "bad", **changes})
    with pytest.raises(InputError, match=match) as caught:
        load_spec("bad", tmp_path)
    assert all(re.match(r".*bad\.yaml:\d+$", problem.where) for problem in caught.value.problems)


def test_numbers_are_read_by_one_set_of_rules(tmp_path: Path) -> None:
    raw = load_spec("emoji", ROOT / "bases").raw
    tiny.write_yaml(tmp_path / "own.yaml", {**raw, "name": "own"})
    text = (tmp_path / "own.yaml").read_text()
    (tmp_path / "own.yaml").write_text(text + "scheduler_options: {beta_start: 1e-5}\n")
    assert load_spec("own", tmp_path).t2i.scheduler_options == {"beta_start": 0.00001}


@pytest.mark.parametrize("path", ["../outside", "/etc", "a/../../b", ".", "link/x"])
def test_a_path_cannot_leave_the_folder_of_bases(tmp_path: Path, path: str) -> None:
    folder = tmp_path / "bases"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    raw = load_spec("emoji", ROOT / "bases").raw
    tiny.write_yaml(folder / "bad.yaml", {**raw, "name": "bad", "prompts": path})
    with pytest.raises(InputError, match="is not inside"):
        load_spec("bad", folder)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a: [1", "bad.yaml:"),
        ("a: &x 1\nb: *x\n", "anchor"),
        ("name: 'bad'\n", "`t2i` is missing"),
        ("- 1\n", "mapping"),
    ],
)
def test_a_broken_file_is_one_line(tmp_path: Path, text: str, match: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(InputError, match=match):
        load_spec("bad", tmp_path)


@pytest.mark.parametrize("name", ["../emoji", "nothing", "a/b", ""])
def test_an_unknown_name_names_the_known_ones(name: str) -> None:
    with pytest.raises(InputError, match="emoji"):
        load_spec(name, ROOT / "bases")


def test_reading_a_spec_imports_no_torch(tiny_folder: Path) -> None:
    code = (
        "import sys; from expunge.bases.spec import load_spec; from expunge.bases.base_digest import base_digest\n"
        "from expunge.bases.tokenizer import light_tokenizer\n"
        f"spec = load_spec('tiny', {str(tiny_folder)!r}); light_tokenizer(spec)[0]('a'); base_digest(spec)\n"
        "from expunge.methods import check_parameters; check_parameters('few-shot', {})\n"
        "assert not {'torch', 'diffusers', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_light_tokenizer_is_the_pipelines(tiny_base: Any, tiny_folder: Path) -> None:
    found = light_tokenizer(load_spec("tiny", tiny_folder))
    assert found is not None
    ids, most = found
    for text in ("Bolt the  robot's 12 café!", "汉字 🤖", "it's"):
        assert ids(text) == tiny_base.t2i.tokenizer(text).input_ids[1:-1]
    assert most == tiny.CONTEXT - 2
    assert ids("a <|endoftext|> b") is None and ids(" ") is None


def test_the_light_tokenizer_reads_merges_and_misses_letters(tmp_path: Path) -> None:
    folder = tmp_path / "bases"
    raw = load_spec("emoji", ROOT / "bases").raw
    tiny.write_yaml(folder / "own.yaml", {**raw, "name": "own", "t2i": {**raw["t2i"], "path": "own"}})
    spec = load_spec("own", folder)
    assert light_tokenizer(spec) is None
    tokens = folder / "own" / "tokenizer"
    tokens.mkdir(parents=True)
    words = ["a", "b", "a</w>", "b</w>", "ab</w>", "<|startoftext|>", "<|endoftext|>"]
    (tokens / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(words)}))
    (tokens / "merges.txt").write_text("#version: 0.2\na b</w>\n")
    found = light_tokenizer(spec)
    assert found is not None and found[1] == 75
    assert found[0]("AB b") == [4, 3] and found[0]("abc") is None
