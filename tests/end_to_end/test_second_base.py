"""The second embedded base: `dvc exp run -S base=emoji-dit` on a list, as it is."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.support.paths import ROOT
from tests.support.tiny import write_yaml

LIST = """\
title: Objects
owner: tests
encoders: single
concepts:
  - {id: fire-engine, name: a fire engine, kind: object, aliases: [a fire truck], neighbours: [a bus], anchor: a bus}
"""


def run(clone: Path, *words: str) -> str:
    done = subprocess.run(words, cwd=clone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.skipif(not (ROOT / "bases/emoji-dit.yaml").is_file(), reason="its T2V model is not trained yet")
def test_a_list_on_the_second_base(tmp_path: Path) -> None:
    clone = tmp_path / "expunge"
    for name in run(ROOT, "git", "ls-files", "-co", "--exclude-standard").splitlines():
        skipped = name.startswith(("metrics/", "audit/", "docs/", "concepts/", "tests/")) or name == "dvc.lock"
        if (ROOT / name).is_file() and not skipped:
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, clone / name)
    (clone / "concepts").mkdir()
    (clone / "concepts/objects.yaml").write_text(LIST)
    params = YAML(typ="safe").load((clone / "params.yaml").read_text())
    params["render"] = {"images": {"target": 4, "aliases": 2, "near": 2, "far": 2}, "videos": {"target": 1, "near": 1}}
    params |= {"attack": {"words": {"images": 1, "videos": 0}, "clip-skip": {"images": 1}}, "releases": {}}
    write_yaml(clone / "params.yaml", params)
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=t", "-c", "user.email=t@e", "commit", "-qm", "one"]):
        run(clone, "git", *words)

    run(clone, sys.executable, "-m", "dvc", "exp", "run", "-S", "base=emoji-dit")
    record = json.loads((clone / "audit/objects/fire-engine.json").read_text())["predicate"]
    assert record["base"]["name"] == "emoji-dit"
    config = json.loads((clone / "build/encoders/objects/fire-engine/config.json").read_text())
    assert config["architectures"] == ["T5EncoderModel"]
    before, after = (json.loads((clone / f"metrics/{name}.json").read_text()) for name in ("base", "summary"))
    drawn, left = (each["encoders"]["objects/fire-engine"]["image"] for each in (before, after))
    assert drawn["target"] >= 0.75 and left["target"] == left["aliases"] == 0
    assert left["near"] == drawn["near"] and left["far"] == drawn["far"]
    assert (clone / "build/renders/objects/fire-engine/objects--fire-engine/video-000.mp4").is_file()
