"""How good the base is: writes quality.json and the tables of its card, README.md, as the emoji base's evaluate.py."""

from pathlib import Path
from typing import Any

from expunge.bases.base import load
from expunge.bases.spec import load_spec
from expunge.judging.judges import load_judge

from ..evaluate import model_quality, write_card
from ..world import load_world
from .text import FOLDER

BARS = {
    "image subject": 0.88, "image style": 0.85, "video subject": 0.75, "video motion": 0.80,
    "image worst subject": 0.40, "video worst subject": 0.40,
}  # fmt: skip


def main(config: dict[str, Any]) -> None:
    spec = load_spec("emoji-dit")
    rates = model_quality(load(spec, t2v=True), load_judge(spec), load_world())
    write_card(FOLDER, Path(__file__).parent / "card.md.j2", config, rates, BARS)
