"""One request's whole way, in a repository of its own with dvc and git: it comes in, is granted, done, signed and
released; a third party checks what they got; its concept is changed, and git tells what became of it.

Each test is a chapter, and needs those before it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from expunge.core.digest import file_digest
from expunge.core.yamlfile import load
from expunge.records.log import read_log
from tests.support.attested import flip
from tests.support.paths import ROOT
from tests.support.project import PARAMS, make_project_with_code
from tests.support.tiny import write_yaml

DRAWN_BY = ("plan", "fewshot", "unlearn", "render", "score", "drift", "attack")
REGISTER = """request_id,received,due,decided,name,legal_basis,decision
R-1,2026-03-01T09:30:00Z,2026-03-03T09:30:00Z,2026-03-01,bolt,TAKE IT DOWN Act,granted
R-2,2026-03-02,2026-04-02,2026-03-09,teapot,GDPR Art. 17,rejected: a teapot is nobody
R-3,2026-03-04,2026-04-04,,kettle,GDPR Art. 17,pending
"""
DRAWN = """from stages import attack, drift, fewshot, plan, render, score, unlearn

for stage in (plan, fewshot, unlearn, render, score, drift, attack):
    stage.run()
"""


def dvc_stages() -> dict[str, Any]:
    """Those of dvc.yaml, with all that load models as one, since each would import torch anew; and no report."""
    stages = load(ROOT / "dvc.yaml").value["stages"]
    outs = [out for name in DRAWN_BY for out in stages[name]["outs"]]
    deps = ["drawn.py", "stages", "expunge", "concepts", "bases", "attacks/found.csv", "params.yaml"]
    drawn = {"cmd": "python drawn.py", "deps": deps, "outs": outs}
    return {"drawn": drawn, "verdict": stages["verdict"], "attest": stages["attest"]}


class Story:
    """A repository, the place outside it where the key lies, and a third party's folder."""

    def __init__(self, folder: Path) -> None:
        self.repository, self.away, self.key = folder / "repository", folder / "away", folder / "team.pem"
        self.away.mkdir()
        self.environment = {**os.environ, "DVC_NO_ANALYTICS": "1", "EXPUNGE_KEY_PASSWORD": "secret"}
        self.environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def call(self, *words: str, code: int = 0, where: Path | None = None, **environment: str) -> str:
        """What a command prints, its errors last."""
        done = subprocess.run(
            words, cwd=where or self.repository, env={**self.environment, **environment}, capture_output=True,
            text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def expunge(self, *words: str, code: int = 0) -> str:
        return self.call(sys.executable, "-m", "expunge", *words, code=code)

    def dvc(self, *words: str) -> str:
        return self.call(sys.executable, "-m", "dvc", *words)

    def commit(self, message: str) -> None:
        self.call("git", "add", "-A")
        self.call("git", "-c", "user.name=t", "-c", "user.email=t@example.invalid", "commit", "-qm", message)

    def requests(self, now: str, code: int = 0) -> dict[str, Any]:
        out = self.expunge("requests", "--json", "--now", now, code=code)
        return {each["request"]: each for each in json.loads(out[out.index("[") : out.rindex("]") + 1])}

    def states(self, now: str, code: int = 0) -> dict[str, str]:
        return {name: each["state"] for name, each in self.requests(now, code).items()}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Iterator[Story]:
    made = Story(tmp_path_factory.mktemp("story"))
    made.repository.mkdir()
    make_project_with_code(made.repository, tiny_folder)
    (made.repository / "concepts/list.yaml").unlink()
    write_yaml(made.repository / "dvc.yaml", {"stages": dvc_stages()})
    (made.repository / "drawn.py").write_text(DRAWN)
    for name in (".dvcignore", ".gitignore", ".dvc/config", ".dvc/.gitignore", "external/README.md"):
        (made.repository / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / name, made.repository / name)
    gates = {"gate": {"image": {"far": ">= 0"}}, "releases": {"small": {"lists": "all", "general": {"images": 2}}}}
    write_yaml(made.repository / "params.yaml", {**PARAMS, **gates})
    made.call("git", "init", "-q")
    made.commit("a repository without requests")
    yield made


def test_requests_arrive_and_one_is_refused(story: Story) -> None:
    (story.repository / "asked.csv").write_text(REGISTER)
    said = story.expunge("import", "asked.csv", "--kind", "object", "--owner", "release team")
    assert "requests/asked.yaml: 2 requests that no concept of the list holds" in said
    (story.repository / "asked.csv").unlink()
    story.expunge("validate")
    story.commit("what came in until 4 March")
    assert story.states("2026-03-03T09:00:00Z") == {"R-1": "due", "R-2": "refused", "R-3": "undecided"}
    assert story.states("2026-03-03T09:31:00Z", code=1)["R-1"] == "overdue"


def test_it_is_done_by_a_run(story: Story) -> None:
    story.dvc("repro")
    story.expunge("gate", "releases/small")
    story.commit("the run of 2 March")
    found = story.requests("2026-03-03T09:31:00Z")
    assert found["R-1"]["state"] == "done" and found["R-1"]["encoders"] == ["asked/bolt"]
    assert found["R-1"]["releases"] == {"releases/small": ""}
    assert found["R-2"]["why"] == "rejected: a teapot is nobody"


def test_it_is_signed_and_released(story: Story) -> None:
    entry = story.expunge("keys", "new", str(story.key), "--name", "release team")
    entry = entry[: entry.index("-----END PUBLIC KEY-----\n") + 25]  # what else is said goes to stderr
    (story.repository / "audit/trusted.yaml").write_text(entry)
    assert "signed 2 records and 2 folders" in story.expunge("sign", "--key", str(story.key))
    said = story.expunge("release", "small", "--key", str(story.key))
    assert re.search(r"release/small: \d+ files, PASSED", said) and "names no such key" not in said, said
    last = read_log(story.repository / "audit/log.jsonl")[0][-1]
    assert (last.event, last.release) == ("released", file_digest(story.repository / "release/small/release.json"))
    assert story.requests("2026-03-03T10:00Z")["R-1"]["releases"] == {"releases/small": last.time}
    story.expunge("verify", "--signed")
    story.commit("signed and released")
    shutil.move(story.repository / "release/small", story.away / "small")


def test_a_third_party_checks_it_without_a_network(story: Story) -> None:
    """They have the release and a public key, and neither the repository nor a network."""
    trusted = load(story.repository / "audit/trusted.yaml").value
    (story.away / "ours.yaml").write_text((story.repository / "audit/trusted.yaml").read_text())
    (story.away / "team.pub").write_text(trusted[0]["public"])
    (story.away / "none").mkdir()
    (story.away / "none/sitecustomize.py").write_text(
        "import socket\n\ndef refuse(*some):\n    raise OSError('there is no network')\n\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
    )

    def alone(*words: str, code: int = 0) -> str:
        path = os.pathsep.join(["none", str(ROOT)])
        return story.call(sys.executable, *words, code=code, where=story.away, PYTHONPATH=path)

    ours = ["-m", "expunge", "verify", "small", "--signed", "--trusted", "ours.yaml"]
    main = "import sys; from model_signing._cli import main; sys.exit(main())"
    theirs = [
        "-c",
        main,
        "verify",
        "key",
        "small/encoder",
        "--signature",
        "small/encoder.sig",
        "--public_key",
        "team.pub",
    ]
    assert "there is no network" in alone("-c", "import socket; socket.create_connection(('a.invalid', 1))", code=1)
    assert "all is as recorded, and passes where it must" in alone(*ours)
    assert "Verification succeeded" in alone(*theirs)
    sound = story.away / "sound"
    shutil.copytree(story.away / "small", sound)
    flip(story.away / "small/encoder/model.safetensors")
    assert "model.safetensors: is not the file that was released" in alone(*ours, code=3)
    assert "Verification failed" in alone(*theirs, code=1)


def test_a_change_is_told_by_history_and_by_the_metrics(story: Story) -> None:
    file = story.repository / "concepts/asked.yaml"
    file.write_text(file.read_text().replace("    name: bolt\n", "    name: bolt\n    aliases: [bob]\n"))
    found = story.requests("2026-03-03T10:00Z", code=1)["R-1"]
    assert (
        found["state"] == "overdue" and "asked/bolt ran before its lists, gates, method or base changed" in found["why"]
    )
    story.dvc("repro")
    story.commit("bob is bolt, too")
    assert story.states("2026-03-03T10:00Z")["R-1"] == "done"
    assert story.requests("2026-03-03T10:00Z")["R-1"]["releases"] == {"releases/small": ""}  # this one is not out yet
    told = story.expunge("history", "asked/bolt")
    events = [line.strip() for line in told.splitlines() if line.startswith("  ")]
    asked = "is listed; request: id R-1, received 2026-03-01T09:30:00Z, due 2026-03-03T09:30:00Z, decided 2026-03-01"
    assert events[0].startswith(asked) and "asked/bolt: pass" in events and "its entry changed: aliases" in events, told
    changed = json.loads(story.dvc("metrics", "diff", "HEAD~1", "--json").splitlines()[0])
    assert changed["metrics/summary.json"]["encoders.asked/bolt.image.aliases"]["old"] is None
    assert {"asked/bolt.about", "releases/small.about"} <= changed["metrics/verdicts.json"].keys()
    events = [line.event for line in read_log(story.repository / "audit/log.jsonl")[0]]
    assert events == ["made", "made", "released", "changed", "changed"]
