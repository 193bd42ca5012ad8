"""Train the emoji base: `uv run python -m bases.emoji.recipe.train [PART ...]`. Resumes where it was stopped."""

from typing import Annotated

import typer

from . import evaluate, train_decoder, train_judge, train_motion_judge, train_t2i, train_t2v, train_text, train_vae
from .common import load_config

PARTS = {
    "vae": train_vae.main,
    "decoder": train_decoder.main,
    "text": train_text.main,
    "t2i": train_t2i.main,
    "t2v": train_t2v.main,
    "judge": train_judge.main,
    "motion_judge": train_motion_judge.main,
    "evaluate": evaluate.main,
}


def main(
    parts: Annotated[list[str] | None, typer.Argument(help=f"of {', '.join(PARTS)}; all by default")] = None,
) -> None:
    config = load_config()
    for part in parts or PARTS:
        PARTS[part](config)


if __name__ == "__main__":
    typer.run(main)
