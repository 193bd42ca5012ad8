"""The source files whose change makes a stage's results stale: what dvc.yaml names as its code, and what keys digest.

The frame (reuse, process, sources) is left out: it moves results about and does not make them. So is what only reads a
base's file: its results are in the plan, and the base's digest is in every key.
"""

BASE = ("expunge/base.py", "expunge/encoders.py", "expunge/pipelines.py")

LOOKING = (
    "expunge/measure.py", "expunge/metrics.py", "expunge/copies.py", "expunge/judge.py", "expunge/judge_models.py",
    "expunge/vocabulary.py", "expunge/video.py",
)  # fmt: skip

CODE: dict[str, tuple[str, ...]] = {
    "plan": (
        "stages/plan.py", "stages/params.py", "expunge/prompts.py", "expunge/jobs.py", "expunge/validate.py",
        "expunge/lists.py", "expunge/checks.py", "expunge/phrases.py", "expunge/spelling.py", "expunge/names.py",
        "expunge/schema.py", "expunge/yamlfile.py", "expunge/hub.py", "expunge/spec.py", "expunge/methods/__init__.py",
        "expunge/attacks/__init__.py", "expunge/thresholds.py", "expunge/terms.py",
    ),
    "fewshot": ("stages/fewshot.py", "expunge/video.py", "expunge/copies.py", *BASE),
    "unlearn": ("stages/unlearn.py", "stages/curves.py", "expunge/methods", *BASE),
    "render": ("stages/render.py", "expunge/video.py", *BASE),
    "drift": (
        "stages/drift.py", "expunge/drift.py", "expunge/drift_texts.py", "expunge/vocabulary.py", "expunge/prompts.py",
        *BASE,
    ),
    "score": ("stages/score.py", *LOOKING, "expunge/quality.py"),
    "attack": ("stages/attack.py", "expunge/attacks", *LOOKING, "expunge/quality.py", "expunge/prompts.py", *BASE),
    "verdict": (
        "stages/verdict.py", "expunge/tally.py", "expunge/summary.py", "expunge/rates.py", "expunge/metrics.py",
        "expunge/prompts.py", "expunge/gate.py", "expunge/thresholds.py", "expunge/terms.py", "expunge/schema.py",
    ),
    "report": (
        "stages/report.py", "expunge/report", "expunge/templates", "expunge/metrics.py", "expunge/rates.py",
        "expunge/video.py", "expunge/gate.py", "expunge/thresholds.py", "expunge/terms.py", "expunge/schema.py",
    ),
}  # fmt: skip
