"""A run with confidential concepts of every form: nothing that it writes or says holds one of their words."""

import contextlib
import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from expunge.attacks import words as words_attack
from expunge.concepts.leaks import leaves
from expunge.core.errors import InputError
from expunge.core.index import read_index
from stages import attack, attest, drift, fewshot, plan, render, report, score, unlearn, verdict
from stages.runtime.planned import read_opened_here, read_plan_here
from tests.support.attested import command, lock
from tests.support.project import ONE, PARAMS, SALT, make_project, write_list
from tests.support.tiny import write_yaml

STAGES = (plan, fewshot, unlearn, render, score, drift, attack, verdict, attest, report)
DISTIL = {"method": "distil", "parameters": {"steps": 1}}
POT = {  # of which the base's far prompt and the judge's vocabulary speak, too: "teapot"
    "id": "c-1", "name": "a tea pot", "kind": "object", "aliases": ["brewvessel"], "anchor": "a brass urnlet",
    "neighbours": ["a kettlet"], "probes": ["a steepjug"], "prompts": ["a snapshot of {} at weirbridge"],
    "confidential": True, **DISTIL,
}  # fmt: skip
DUO = {"id": "c-2", "name": "a glimfox with a snarkhat", "kind": "object", "parts": ["a glimfox", "a snarkhat"],
       "confidential": True}  # fmt: skip
PICTURE = {"id": "c-3", "name": "zyxcastle at dusk", "kind": "image", "paraphrases": ["quonset at nightfall"],
           "method": "ablate", "confidential": True}  # fmt: skip
PERSON = {"id": "c-4", "name": "Ysolde Quarnby", "kind": "person", "confidential": True, "anchor": "an anyperson",
          "sense": {"forget": ["quarnby the swimmer"], "keep": ["quarnby tartan"]}}  # fmt: skip
SECRETS = (POT, DUO, PICTURE, PERSON)
KEYS = ("name", "aliases", "anchor", "neighbours", "probes", "prompts", "parts", "paraphrases", "sense")
OPEN = {**ONE, "method": "distil", "anchor": "a toy", "parameters": {"steps": 1}}


def private_words() -> set[str]:
    """Every private word without case, article and blanks."""
    texts = [text for concept in SECRETS for key in KEYS for text in leaves(concept.get(key))]
    plain = {re.sub(r"\W+", "", re.sub(r"^(a|an|the) ", "", text.casefold())) for text in texts}
    return plain | {"weirbridge", "glimfox", "snarkhat", "holtyquarn", "quarnbyysolde"}


WORDS = private_words()


def leaks(text: str) -> set[str]:
    """The private words in a text, in whatever spelling: compared without case, articles and all that is no letter."""
    bare = re.sub(r"\b(a|an|the)\b", "", text.casefold())
    squeezed = re.sub(r"[\W_]+", "", text.casefold()), re.sub(r"[\W_]+", "", bare)
    return {word for word in WORDS if any(word in each for each in squeezed)}


def texts_of(file: Path) -> Iterator[str]:
    """What a file says: its name, its texts, and what a table or a picture hold inside."""
    yield file.as_posix()
    if file.suffix == ".parquet":
        import pyarrow.parquet as pq

        table = pq.read_table(file)
        yield json.dumps(table.to_pylist()) + str(table.schema)
    elif file.suffix == ".png":
        with Image.open(file) as picture:
            yield str(picture.info)
    elif file.suffix == ".safetensors":
        size = int.from_bytes(file.read_bytes()[:8], "little")
        yield file.read_bytes()[8 : 8 + size].decode()
    elif file.suffix not in (".mp4", ".gif"):
        yield file.read_bytes().decode("utf-8", "replace")


def found(*left_out: str) -> dict[str, set[str]]:
    """{file: the private words in it} of all files here but those of the base, of git and the private one."""
    skipped = ("bases", ".git", "concepts/private", *left_out)
    files = [f for f in sorted(Path().rglob("*")) if f.is_file() and not f.as_posix().startswith(skipped)]
    assert len(files) > 100
    told = {file.as_posix(): {word for text in texts_of(file) for word in leaks(text)} for file in files}
    return {file: words for file, words in told.items() if words}


def run_all() -> str:
    """Run every stage and the commands that speak of a run; returns all that they print."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        for stage in STAGES:
            stage.run()
        lock()
    for words in (
        ["validate"], ["gate", "--why"], ["gate"], ["verify"], ["keep-attacks"], ["why", "list/c-1"],
        ["why", "list/both"], ["history", "list/c-1"],
        ["export", "list/c-1", "--to", "diffusers"], ["export", "list/c-9", "--to", "lora"],
        ["gate", "list/teapot"[:6]], ["judge", "nowhere.safetensors", "--list", "list"],
    ):  # fmt: skip
        said.write(command(*words).output)
    return said.getvalue()


def git(*words: str) -> None:
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Path:
    """A repository after a run in which c-1 was not confidential yet, and its prompts were kept."""
    folder = tmp_path_factory.mktemp("confidential")
    with contextlib.chdir(folder):
        make_project(tiny_folder)
        releases = {"small": {"lists": "all", "general": {"images": 6}, "attacked": 2}}
        gate = {"image": {"target": "<= 1", "general_worst": ">= 0"}}
        render_ = {
            "images": {"target": 1, "aliases": 1, "probes": 1, "near": 2, "far": 1, "sense": 1},
            "videos": {"target": 1},
        }
        write_yaml(Path("params.yaml"), {**PARAMS, "render": render_, "gate": gate, "releases": releases})
        Path(".gitignore").write_text("/concepts/private/\n/build/\n/.expunge/\n")
        git("init", "-q")
        git("commit", "-qm", "a", "--allow-empty")
    return folder


@pytest.fixture
def here(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(project, tmp_path / "run")
    monkeypatch.chdir(tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.slow
def test_no_word_is_in_anything_that_a_run_writes_or_says(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_list(OPEN, *SECRETS)
    found_by_search = "a photo of bolt, tea-pots and Ysolde"
    own = words_attack.run

    def also_others(victim: Any, *more: Any) -> Any:
        """As a search that comes upon another concept's words."""
        tries = own(victim, *more)
        return [*tries, *(type(each)(each.goal, found_by_search, each.seed) for each in tries[:1])]

    monkeypatch.setattr(words_attack, "run", also_others)
    said = run_all()
    assert "c-1" in said and not leaks(said), leaks(said)
    assert found() == {}
    git("add", "-A")
    tracked = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout
    assert "words.yaml" not in tracked and "concepts/list.yaml" in tracked
    # the words were there: they were drawn, trained and measured
    whole, veil = read_opened_here()
    assert whole.concepts["list/c-1"].name == "a tea pot" and "a tea pot" in set(veil.codes.values())
    assert "list/c-1" in read_plan_here().concepts
    told = json.loads(Path("build/encoders/list/c-1/training.json").read_text())
    assert told["method"] == "distil" and told["notes"]["c-1"]["anchor"].startswith("[confidential ")
    mine = json.loads(Path("build/encoders/list/one/training.json").read_text())
    assert mine["notes"]["one"]["words"] == ["bolt", "bob"]
    record = json.loads(Path("audit/list/c-1.json").read_text())["predicate"]
    assert record["parameters"]["steps"] == 1 and len(record["concepts"][0]["confidential"]) == 64
    pages = Path("build/report/concepts/list--one.html").read_text()
    assert "bob" in pages
    # the same again is reused, and the same private file gives the same bytes
    keys = {name: unit.key for name, unit in read_index("build/renders").units.items()}
    shutil.rmtree("build/plan")
    plan.run()
    render.run()
    assert {name: unit.key for name, unit in read_index("build/renders").units.items()} == keys


@pytest.mark.slow
def test_what_becomes_confidential_later_leaves_no_word_behind(here: Path) -> None:
    shown = {key: value for key, value in POT.items() if key != "confidential"}
    write_list(OPEN, shown)
    run_all()
    assert found()
    row = "list/one,words,image,bolt beside two tea-pots,7\n"
    with open("attacks/found.csv", "a") as file:
        file.write(f"list/c-1,words,image,a brew-vessel,7\n{row}list/one,words,image,a bolt,7\n")
    assert command("hide", "list", "c-1", "--keep-id").exit_code == 0
    with pytest.raises(InputError) as error:
        plan.run()
    assert len(error.value.problems) == 1 and not leaks(str(error.value)) and "keep-attacks" in str(error.value)
    kept = command("keep-attacks")
    assert "1 prompt" in kept.output and Path("attacks/found.csv").read_text().count("\n") == 2, kept.output
    said = run_all()
    assert not leaks(said), leaks(said)
    assert found() == {}


def edit(file: str, old: str, new: str) -> None:
    text = Path(file).read_text()
    assert old in text, text
    Path(file).write_text(text.replace(old, new))


LIST, PRIVATE = "concepts/list.yaml", "concepts/private/words.yaml"
EDITS: dict[str, tuple[str, str, str, str]] = {  # file, old, new: what is said
    "no entry": (PRIVATE, "c-1:", "c-7:", "has no entry for it"),
    "an entry of nobody": (PRIVATE, "c-1:", "c-7:", "has words of c-7, which no list names"),
    "an entry by its name": (PRIVATE, "c-1:", "tea-pot:", "has words of [confidential]"),
    "a key twice": (LIST, "id: c-1", "id: c-1\n  anchor: a cup", "c-1 has `anchor` here and in"),
    "no salt": (PRIVATE, SALT, "short", "`salt` is not 64 hex digits"),
    "a wrong key": (PRIVATE, "name:", "nam:", "has a key that is not known"),
    "broken YAML": (PRIVATE, "name: a tea pot", "name: [a tea pot", "words.yaml:"),
    "a wrong value": (PRIVATE, "anchor: a brass urnlet", "anchor: [a brass urnlet]", "`anchor`"),
    "text for a list": (PRIVATE, "aliases:\n    - brewvessel", "aliases: brewvessel", "`aliases` is text"),
    "an id of a part of the name": (LIST, "c-1", "pot-1", "list.yaml:"),
    "a number": (PRIVATE, "a brass urnlet", "4711", "`anchor` is [confidential], which"),
    "a quote within": (PRIVATE, "a kettlet", "\"kettlet's {lid}\"", "holds a brace"),
    "kept and forgotten": (PRIVATE, "a kettlet", "brewvessel", "[confidential] is a neighbour of c-1 and its own"),
    "too long": (PRIVATE, "a kettlet", "a kettlet " * 12, "but the encoder reads only 38"),
    "a neighbour of another": (LIST, "- dog", "- some Tea-Pots", ":16: `neighbours` of one names the confidential"),
    "an anchor of another": (LIST, "anchor: a toy", "anchor: the teapot", "`anchor` of one names"),
    "a comment": (LIST, "title: T", "title: T  # the TEA POT", "list.yaml:1: a comment names"),
    "a title": (LIST, "title: T", "title: T and brew vessels", "list.yaml:1: `title` names"),
    "params.yaml": ("params.yaml", "seed: 0", "seed: 0  # for the steepjug", "params.yaml:"),
}  # fmt: skip


def without_file() -> None:
    shutil.rmtree("concepts/private")


def in_git_still() -> None:
    edit(LIST, "id: c-1", "id: c-1\n  name: a cup")
    without_file()


def named_by_its_name() -> None:
    edit(LIST, "c-1", "tea-pot")
    edit(PRIVATE, "c-1", "tea-pot")


MISTAKES: dict[str, tuple[Any, str]] = {
    "no private file": (without_file, "c-1 is confidential, and concepts/private/words.yaml is missing"),
    "words in git": (in_git_still, "git holds its words here (name); run `expunge hide list c-1`"),
    "in git": (lambda: git("add", "-f", PRIVATE), "words.yaml: is in git"),
    "not ignored": (lambda: Path(".gitignore").unlink(), "words.yaml: is not ignored by git"),
    "no words": (lambda: Path(PRIVATE).write_text(f"salt: {SALT}\nconcepts:\n  c-1:\n"), "c-1 has no words"),
    "an id of the name": (named_by_its_name, "the id of a confidential concept is made of its words"),
    **{name: (partial(edit, *change), says) for name, (*change, says) in EDITS.items()},
}


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_is_one_error_without_a_word(here: Path, name: str) -> None:
    write_list(OPEN, POT)
    plan.run()
    spoil, says = MISTAKES[name]
    spoil()
    for checked in (["validate"], ["validate", "concepts/list.yaml"]):
        said = command(*checked)
        if name != "params.yaml":
            assert said.exit_code == 2 and says in said.output, said.output
        assert not leaks(said.output), said.output
    with pytest.raises(InputError) as error:
        plan.run()
    assert says in str(error.value) and not leaks(str(error.value)), error.value


def test_another_private_file_opens_nothing(here: Path) -> None:
    write_list(OPEN, POT)
    plan.run()
    edit("concepts/private/words.yaml", SALT, "6b" * 32)
    with pytest.raises(InputError, match=r"words.bin: cannot be opened with the private file that is here"):
        fewshot.run()
    Path("build/plan/words.bin").unlink()
    with pytest.raises(InputError, match="is missing"):
        fewshot.run()
