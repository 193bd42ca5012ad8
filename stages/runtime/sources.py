# ruff: noqa: E501
"""The source files whose change makes a stage's results stale: what dvc.yaml names as its code, and what keys digest.

The frame (reuse, process, sources) is left out: it moves results about and does not make them. So is what only reads a
base's file: its results are in the plan, and the base's digest is in every key.
"""

BASE = ("expunge/bases",)

LOOKING = ("expunge/judging", "expunge/core/media.py")

CODE: dict[str, tuple[str, ...]] = {
    "plan": (
        "stages/plan.py", "stages/runtime/params.py", "expunge/concepts/prompts.py", "expunge/plan/jobs.py", "expunge/plan/validate.py",
        "expunge/concepts/lists.py", "expunge/concepts/checks.py", "expunge/concepts/phrases.py", "expunge/concepts/spelling.py", "expunge/core/names.py",
        "expunge/concepts/schema.py", "expunge/core/yamlfile.py", *BASE, "expunge/judging", "expunge/methods/__init__.py",
        "expunge/attacks/__init__.py", "expunge/metrics/thresholds.py", "expunge/metrics/catalogue.py",
    ),
    "fewshot": ("stages/fewshot.py", "expunge/core/media.py", "expunge/judging/copies.py", *BASE),
    "unlearn": ("stages/unlearn.py", "stages/runtime/curves.py", "expunge/methods", *BASE),
    "render": ("stages/render.py", "expunge/core/media.py", *BASE),
    "drift": (
        "stages/drift.py", "expunge/judging", "expunge/concepts/prompts.py", *BASE,
    ),
    "score": ("stages/score.py", *LOOKING),
    "attack": ("stages/attack.py", "expunge/attacks", *LOOKING, "expunge/concepts/prompts.py", *BASE),
    "verdict": (
        "stages/verdict.py", "expunge/verdicts/tally.py", "expunge/verdicts/summary.py", "expunge/verdicts/rates.py", "expunge/judging/table.py",
        "expunge/concepts/prompts.py", "expunge/verdicts/gate.py", "expunge/metrics/thresholds.py", "expunge/metrics/catalogue.py", "expunge/concepts/schema.py",
    ),
    "report": (
        "stages/report.py", "expunge/report", "expunge/report/templates", "expunge/judging/table.py", "expunge/verdicts/rates.py",
        "expunge/core/media.py", "expunge/verdicts/gate.py", "expunge/metrics/thresholds.py", "expunge/metrics/catalogue.py", "expunge/concepts/schema.py",
    ),
}  # fmt: skip
