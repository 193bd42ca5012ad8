"""Train the emoji-dit base: `uv run python -m bases.emoji.recipe.dit.train [PART ...]`. It resumes where it stopped."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from ruamel.yaml import YAML

from . import evaluate, t2i, t2v, text

PARTS: dict[str, Callable[[dict[str, Any]], None]] = {
    "text": text.main,
    "t2i": t2i.main,
    "t2v": t2v.main,
    "evaluate": evaluate.main,
}


def main(
    parts: Annotated[list[str] | None, typer.Argument(help=f"of {', '.join(PARTS)}; all by default")] = None,
) -> None:
    """Train the parts of the base, each from where it was stopped."""
    config = YAML(typ="safe").load(Path(__file__).parent / "config.yaml")
    for part in parts or PARTS:
        PARTS[part](config)


if __name__ == "__main__":
    typer.run(main)
