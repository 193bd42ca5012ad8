"""What tests of records share: a finished run on the tiny base, and ways to spoil it."""

import contextlib
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from expunge.cli import app
from stages import attack, attest, drift, fewshot, plan, render, score, unlearn, verdict
from tests.support.project import ONE, PARAMS, TWO, make_project, write_list
from tests.support.tiny import write_yaml

STAGES = (plan, fewshot, unlearn, render, score, drift, attack, verdict, attest)
ENCODER, LOG = Path("build/encoders/list/one"), Path("audit/log.jsonl")
REQUEST = {"id": "R-1", "received": "2026-01-31", "basis": "trademark of teapots", "decision": "approved"}
SECRET = {"id": "s", "name": "quill lamp", "kind": "object", "aliases": ["lampo"], "confidential": True,
          "neighbours": ["a kettle"], "request": {**REQUEST}}  # fmt: skip


def make_attested(folder: Path, tiny_folder: Path) -> None:
    """Into a folder: a project after all stages, with a release of list/one, and dvc.lock as dvc leaves it."""
    with contextlib.chdir(folder):
        make_project(tiny_folder)
        releases = {"small": {"lists": ["list"], "without": ["list/two", "list/s"], "gate": {"image": {"far": ">= 0"}}}}
        write_yaml(Path("params.yaml"), {**PARAMS, "gate": {"image": {"far": ">= 0"}}, "releases": releases})
        write_list(ONE, {**TWO, "request": REQUEST, "gate": {"image": {"target": "<= 0", "far": ">= 1"}}}, SECRET)
        for stage in STAGES:
            stage.run()
        lock()
        attest.run()
        lock()


def lock() -> None:
    """dvc.lock as dvc writes it after the stages verdict and attest."""
    outs = {"verdict": Path("metrics").iterdir(), "attest": Path("audit").glob("*.json")}
    stages = {
        name: {"cmd": name, "outs": [{"path": f.as_posix(), "md5": hashlib.md5(f.read_bytes()).hexdigest()}
                                     for f in sorted(files)]}
        for name, files in outs.items()
    }  # fmt: skip
    write_yaml(Path("dvc.lock"), {"schema": "2.0", "stages": stages})


def command(*words: str) -> Any:
    return CliRunner().invoke(app, [*words])


def verify(*words: str) -> Any:
    return command("verify", *words)


def sign(*words: str) -> Any:
    return command("sign", *words)


def record(name: str = "list/one") -> Any:
    return json.loads(Path(f"audit/{name}.json").read_text())


def flip(file: Path, place: int = -5) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.unlink()
    file.write_bytes(data)


def model_signing(folder: str, signature: str, public: str) -> subprocess.CompletedProcess[str]:
    """The command of model-signing itself, which knows nothing of expunge."""
    code = "import sys; from model_signing._cli import main; sys.exit(main())"
    words = [sys.executable, "-c", code, "verify", "key", folder, "--signature", signature, "--public_key", public]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def rewrite(file: str, edit: Callable[[Any], Any]) -> None:
    data = json.loads(Path(file).read_text())
    edit(data)
    Path(file).write_text(json.dumps(data))
