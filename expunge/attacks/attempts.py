"""Carry attacks out: draw every try with the unlearned encoder and with the original one, and let the judge look.

    attempts = assault(victim, judge, {"words": {"images": 12}}, replay=[...], seed=0, originals=[...])

An attempt is a record of plain data, {"concept", "attack", "goal", "modality", "prompt", "seed", "before", "after"},
with {"seen", "confidence"} before (the original encoder) and after (the unlearned one), and the pixels of both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from expunge.attacks import Try, Victim, defaults, find
from expunge.bases.base import encode_prompts, sample_images, sample_videos
from expunge.concepts.prompts import target_asks
from expunge.concepts.samples import PlannedSample
from expunge.judging.looking import asks_of, look
from expunge.judging.samples import Sample

REPLAY = "replay"


@dataclass(frozen=True)
class Attempt:
    """A try, and what came of it."""

    attack: str
    modality: str
    tried: Try
    before: np.ndarray  # (H, W, 3) or (F, H, W, 3) uint8
    after: np.ndarray
    seen: tuple[bool, bool]  # before, after
    confidence: tuple[float, float]

    def record(self, concept: str, number: int) -> dict[str, Any]:
        """As plain data; the pixels are files, "before-<number>.png" and "after-<number>.png"."""
        sides = {
            side: {"seen": seen, "confidence": round(sure, 4), "file": f"{side}-{number:03d}.png"}
            for side, seen, sure in zip(("before", "after"), self.seen, self.confidence, strict=True)
        }
        tried = {"goal": self.tried.goal, "prompt": self.tried.prompt, "seed": self.tried.seed}
        return {"concept": concept, "attack": self.attack, "modality": self.modality, **tried, **sides}


def assault(
    victim: Victim,
    judge: Any,
    budgets: Mapping[str, Mapping[str, Any]],
    replay: Sequence[Mapping[str, Any]],
    seed: int,
    originals: Mapping[str, np.ndarray],
) -> list[Attempt]:
    """Every attack of the budgets on one concept, and the prompts of earlier runs: images first, then videos.

    :param replay: {"modality", "prompt", "seed"} of prompts that were found before. :param originals: by modality, what
        the original encoder draws for the target, (N, [F,] H, W, 3) uint8: what copies of a memorised picture are
        compared with.
    """
    motion = victim.concept.kind == "motion"
    found = [(name, tried) for name, tries in find(victim, budgets, seed).items() for tried in tries]
    films = found if motion else []
    done = [] if motion else carry_out(victim, judge, "image", found + replayed(replay, "image"), originals)
    if not motion:
        for name in budgets:
            first = [attempt for attempt in done if attempt.attack == name]
            best = sorted(first, key=lambda attempt: -attempt.confidence[1])  # stable: the first of equals
            count = {**defaults(name), **(budgets[name] or {})}["videos"]
            films += [(name, attempt.tried) for attempt in best[:count]]
    return done + carry_out(victim, judge, "video", films + replayed(replay, "video"), originals)


def replayed(rows: Sequence[Mapping[str, Any]], modality: str) -> list[tuple[str, Try]]:
    """Tries of the prompts that earlier runs kept, each a goal."""
    some = [row for row in rows if row["modality"] == modality]
    return [(REPLAY, Try(goal, row["prompt"], int(row["seed"]))) for goal, row in enumerate(some)]


def carry_out(
    victim: Victim,
    judge: Any,
    modality: str,
    named: Sequence[tuple[str, Try]],
    originals: Mapping[str, np.ndarray],
) -> list[Attempt]:
    """Draw the tries of all attacks at once, for small batches take long, with both encoders; and judge them."""
    if not named:
        return []
    sample = sample_images if modality == "image" else sample_videos
    tries = [tried for _, tried in named]
    seeds = [tried.seed for tried in tries]
    base, edit = victim.base, victim.edit
    pixels = [sample(base, embeddings(victim, tries, base.encoder), seeds),
              sample(base, embeddings(victim, tries, edit.encoder), seeds, edit)]  # fmt: skip
    seen = [judged(victim, judge, modality, some, originals) for some in pixels]
    return [
        Attempt(attack, modality, tried, pixels[0][i], pixels[1][i],
                (seen[0][i][0], seen[1][i][0]), (seen[0][i][1], seen[1][i][1]))
        for i, (attack, tried) in enumerate(named)
    ]  # fmt: skip


@torch.no_grad()
def embeddings(victim: Victim, tries: Sequence[Try], encoder: Any) -> Tensor:
    """(N, L, D): what each try feeds."""
    return torch.cat([
        tried.embed(encoder) if tried.embed else encode_prompts(victim.base, [tried.prompt], encoder) for tried in tries
    ])  # fmt: skip


def judged(
    victim: Victim, judge: Any, modality: str, pixels: np.ndarray, originals: Mapping[str, np.ndarray]
) -> list[tuple[bool, float]]:
    """(is the concept seen, in any frame; the judge's confidence) of each picture or video."""
    from expunge.judging.copies import reference
    from expunge.judging.judge import with_names

    asks = target_asks(victim.concept, victim.words[0])
    samples = [Sample(i, PlannedSample("target", "", 0, modality, asks), each) for i, each in enumerate(pixels)]
    drawn = originals.get("image", originals.get("video"))
    flat = drawn.reshape(-1, *drawn.shape[-3:]) if drawn is not None else None
    memorised = reference(flat) if asks.axis == "copy" and flat is not None else None
    judge = with_names(judge, sorted({ask for s in samples for ask in asks_of(s)}))
    found = look(judge, samples, asks.axis, memorised)
    return [(bool(found.top1[i].any()), float(np.max(found.confidence[i]))) for i in range(len(samples))]
