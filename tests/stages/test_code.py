"""The version of code: what a module imports counts, and of that only what runs."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.runtime import code
from stages.runtime.code import closure, code_version
from tests.support.paths import ROOT

FEW_SHOT, DISTIL = ("stages.unlearn", "expunge.methods.few_shot"), ("stages.unlearn", "expunge.methods.distil")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The repository's code, to plant changes in."""
    for package in ("expunge", "stages"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.fixture(autouse=True)
def here(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("here"))


def versions(root: Path) -> dict[str, str]:
    return {method[1]: code_version(*method, root=root)[0] for method in (FEW_SHOT, DISTIL)}


def append(file: Path, text: str) -> None:
    file.write_text(file.read_text("utf-8") + text, "utf-8")


def test_a_helper_that_a_method_imports_changes_that_method_alone(copy: Path) -> None:
    before, method = versions(copy), copy / "expunge/methods/distil.py"
    (copy / "expunge/methods/helper.py").write_text("def twice(x):\n    return 2 * x\n")
    assert versions(copy) == before, "nobody imports it yet"
    method.write_text(
        method.read_text().replace("import torch\n", "import torch\nfrom expunge.methods.helper import twice\n", 1)
    )
    planted = versions(copy)
    assert {name for name in before if planted[name] != before[name]} == {"expunge.methods.distil"}
    assert "expunge/methods/helper.py" in code_version(*DISTIL, root=copy)[1]
    (copy / "expunge/methods/helper.py").write_text("def twice(x):\n    return 3 * x\n")
    changed = versions(copy)
    assert {name for name in before if changed[name] != planted[name]} == {"expunge.methods.distil"}


def test_an_import_within_a_function_counts_and_one_for_type_checkers_does_not(copy: Path) -> None:
    before, method = versions(copy), copy / "expunge/methods/distil.py"
    (copy / "expunge/methods/helper.py").write_text("X = 1\n")
    append(method, "\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from expunge.methods import helper\n")
    assert "expunge/methods/helper.py" not in closure(DISTIL, copy)
    append(method, "\ndef late():\n    from expunge.methods import helper\n    return helper.X\n")
    assert "expunge/methods/helper.py" in closure(DISTIL, copy)
    assert versions(copy)["expunge.methods.few_shot"] == before["expunge.methods.few_shot"]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"""', '"""Another docstring. ', 1),
        lambda text: "# a comment\n" + text.replace("\n\n\n", "\n\n\n\n# more\n\n"),
        lambda text: text.replace("(", "( ").replace(",\n", ",  # why\n"),
    ],
)
def test_docstrings_comments_and_layout_change_nothing(copy: Path, change) -> None:
    before, method = versions(copy), copy / "expunge/methods/distil.py"
    text = method.read_text()
    method.write_text(change(text))
    assert method.read_text() != text and versions(copy) == before


def test_a_number_is_not_its_digits_in_quotes(copy: Path) -> None:
    file, digests = copy / "expunge/methods/helper.py", set()
    for value in ("1", "'1'", "1.0", "b'1'", "True", "'True'", "...", "'Ellipsis'", "None", "'None'"):
        file.write_text(f"X = [{value}]\n")
        digests.add(code_version("expunge.methods.helper", root=copy)[0])
    assert len(digests) == 10


def test_only_what_never_runs_is_for_type_checkers(copy: Path) -> None:
    before, method = versions(copy), copy / "expunge/methods/distil.py"
    (copy / "expunge/methods/helper.py").write_text("X = 1\n")
    append(method, "\nif TYPE_CHECKING:\n    from pathlib import Path\n")
    assert versions(copy) == before
    append(method, "\nif not TYPE_CHECKING:\n    from expunge.methods import helper\n")
    assert "expunge/methods/helper.py" in closure(DISTIL, copy)


def test_what_runs_changes_the_version(copy: Path) -> None:
    before = versions(copy)
    append(copy / "expunge/methods/distil.py", "\nSTRENGTH = 2\n")
    append(copy / "expunge/methods/training.py", "\nSTRENGTH = 2\n")
    after = versions(copy)
    assert all(after[name] != before[name] for name in before)


@given(st.lists(st.sampled_from(["X = 1", "Y = 'a'", "def f():\n    return 1", "import os"]), unique=True))
def test_a_text_that_stands_by_itself_is_no_code(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    root = tmp_path_factory.mktemp("code")
    (root / "stages").mkdir()
    (root / "stages/one.py").write_text("\n".join(lines) + "\n")
    (root / "stages/two.py").write_text('"""Text."""\n' + '\n"text"\n'.join([*lines, ""]) + "\n")
    one, two = (code_version(f"stages.{name}", root=root)[1] for name in ("one", "two"))
    assert list(one.values()) == list(two.values())


@pytest.mark.parametrize("stage", ["fewshot", "unlearn", "render", "score", "drift", "attack"])
def test_what_only_reads_input_or_tells_of_results_is_no_part_of_a_units_code(stage: str) -> None:
    """A new check of lists, or another column of the report, trains and draws nothing again."""
    files = closure([f"stages.{stage}"])
    rooms = ("expunge/report/", "expunge/verdicts/", "expunge/cli", "expunge/plan/")
    lists = [f"expunge/concepts/{name}" for name in ("lists", "checks", "import", "rules", "schema", "source")]
    assert [file for file in files if file.startswith((*rooms, *lists))] == ["expunge/plan/contract.py"]
    if stage != "score":
        assert not [file for file in files if file.startswith("expunge/metrics/")]
    if stage != "unlearn":
        assert not [file for file in files if file.startswith("expunge/methods/")]


def test_the_runtime_is_left_out_and_unknown_modules_are_refused() -> None:
    assert not [file for file in closure(["stages.render"]) if file.startswith("stages/runtime")]
    with pytest.raises(ModuleNotFoundError, match=r"stages\.nothing"):
        closure(["stages.nothing"])


def test_what_files_said_is_remembered_by_their_bytes(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, parse = list[str](), code.read_source

    def read_source(file: Path, name: str) -> code.Source:
        read.append(name)
        return parse(file, name)

    monkeypatch.setattr(code, "read_source", read_source)
    first = versions(copy)
    assert len(read) == len(set(read)) > 50
    read.clear()
    assert versions(copy) == first and not read
    method = copy / "expunge/methods/distil.py"
    before = method.stat()
    method.write_text(method.read_text("utf-8").replace("def ", "def  ", 1), "utf-8")
    os.utime(method, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert versions(copy) == first and read == ["expunge.methods.distil"], "a time that stays hides nothing"
    Path(".expunge/code.json").write_text("{")
    assert versions(copy) == first, "a broken file is none"
