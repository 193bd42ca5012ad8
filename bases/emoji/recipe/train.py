"""Train the emoji base: `uv run python -m bases.emoji.recipe.train [PART ...]`. Resumes where it was stopped."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import typer

from . import evaluate, train_decoder, train_judge, train_motion_judge, train_t2i, train_t2v, train_text, train_vae
from .common import load_config

PARTS: dict[str, Callable[[dict[str, Any]], None]] = {
    "vae": train_vae.main,
    "text": train_text.main,
    "t2i": train_t2i.main,
    "t2v": train_t2v.main,
    "t2i_more": partial(train_t2i.main, name="t2i_more"),
    "t2v_more": partial(train_t2v.main, name="t2v_more"),
    "t2v_last": partial(train_t2v.main, name="t2v_last"),
    "t2v_memory": partial(train_t2v.main, name="t2v_memory"),
    "decoder": train_decoder.main,
    "judge": train_judge.main,
    "judge_more": partial(train_judge.main, name="judge_more"),
    "motion_judge": train_motion_judge.main,
    "evaluate": evaluate.main,
}


def main(
    parts: Annotated[list[str] | None, typer.Argument(help=f"of {', '.join(PARTS)}; all by default")] = None,
) -> None:
    """Train the parts of the base, each from where it was stopped."""
    config = load_config()
    for part in parts or PARTS:
        PARTS[part](config)


if __name__ == "__main__":
    typer.run(main)
