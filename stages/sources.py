"""The source files whose change makes a stage's results stale: what dvc.yaml names as its code, and what keys digest.

The frame (reuse, process, sources) is left out: it moves results about and does not make them. So is what only reads a
base's file: its results are in the plan, and the base's digest is in every key.
"""

BASE = ("expunge/base.py", "expunge/encoders.py", "expunge/pipelines.py")

CODE: dict[str, tuple[str, ...]] = {
    "plan": (
        "stages/plan.py", "stages/params.py", "expunge/prompts.py", "expunge/jobs.py", "expunge/validate.py",
        "expunge/lists.py", "expunge/checks.py", "expunge/phrases.py", "expunge/spelling.py", "expunge/names.py",
        "expunge/schema.py", "expunge/yamlfile.py", "expunge/hub.py", "expunge/spec.py", "expunge/methods/__init__.py",
    ),
    "fewshot": ("stages/fewshot.py", "expunge/video.py", "expunge/copies.py", *BASE),
    "unlearn": ("stages/unlearn.py", "stages/curves.py", "expunge/methods", *BASE),
    "render": ("stages/render.py", "expunge/video.py", *BASE),
    "score": (
        "stages/score.py", "expunge/metrics.py", "expunge/copies.py", "expunge/judge.py", "expunge/judge_models.py",
        "expunge/video.py",
    ),
    "attack": (
        "stages/attack.py", "expunge/attacks", "expunge/metrics.py", "expunge/copies.py", "expunge/judge.py",
        "expunge/judge_models.py", "expunge/prompts.py", "expunge/video.py", *BASE,
    ),
    "report": ("stages/report.py", "expunge/report.py", "expunge/templates", "expunge/metrics.py"),
}  # fmt: skip
