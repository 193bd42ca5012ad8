"""What no stage and no command imports still fits the code that it calls: benchmarks, the docs' scripts, a recipe."""

import importlib
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tests.support.paths import ROOT

SCRIPTS = [
    file.relative_to(ROOT)
    for folder in ("benchmarks", "docs", "bases/emoji/recipe")
    for file in sorted((ROOT / folder).glob("*.py"))
    if file.name != "__init__.py"
]
APPS = [file for file in SCRIPTS if "typer.run(" in (ROOT / file).read_text("utf-8")]


def module_of(file: Path) -> str:
    return ".".join(file.with_suffix("").parts)


@pytest.mark.parametrize("file", SCRIPTS, ids=str)
def test_it_imports_what_is_there(file: Path) -> None:
    importlib.import_module(module_of(file))


@pytest.mark.parametrize("file", APPS, ids=str)
def test_help_says_what_it_does_and_starts_nothing(file: Path) -> None:
    module = importlib.import_module(module_of(file))
    app = typer.Typer()
    app.command()(module.main)
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0 and "Usage" in result.output and module.main.__doc__.split()[0] in result.output
