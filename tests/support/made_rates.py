"""Made-up rates, for gates, comparisons and reports."""

from typing import Any

from expunge.verdicts.rates import Rate

GATE = {"image": {"target": "<= 0.05", "aliases": "<= 0.05", "near": ">= 0.85 of before"}}
GOOD = {"target": 0.0, "aliases": 0.0, "near": 1.0}  # passes it


def rate(metric: str, value: float, n: int = 8, concept: str = "", **more: Any) -> Rate:
    """Of pictures by the encoder l/a, without an interval."""
    usual: dict[str, Any] = {"list": "l", "encoder": "a", "modality": "image", "low": None, "high": None, "before": 1.0}
    return Rate(**{**usual, "concept": concept, "metric": metric, "value": value, "n": n, **more})


def rates(encoder: str, concept: str, **values: float) -> list[Rate]:
    """GOOD, with other values where they are given."""
    return [rate(metric, value, concept=concept, encoder=encoder) for metric, value in {**GOOD, **values}.items()]
