"""The source files whose change makes a stage's results stale: what dvc.yaml names as its code, and what keys digest.

The frame (reuse, process, sources) is left out: it moves results about and does not make them.
"""

BASE = ("expunge/base.py", "expunge/encoders.py", "expunge/hub.py", "expunge/pipelines.py", "expunge/spec.py")

CODE: dict[str, tuple[str, ...]] = {
    "plan": (
        "stages/plan.py", "expunge/prompts.py", "expunge/lists.py", "expunge/checks.py", "expunge/names.py",
        "expunge/schema.py", "expunge/yamlfile.py", "expunge/hub.py", "expunge/spec.py", "expunge/methods/__init__.py",
    ),
    "fewshot": ("stages/fewshot.py", "expunge/video.py", *BASE),
    "unlearn": ("stages/unlearn.py", "expunge/prompts.py", "expunge/methods", *BASE),
    "render": ("stages/render.py", "expunge/prompts.py", "expunge/video.py", *BASE),
    "score": (
        "stages/score.py", "expunge/judge.py", "expunge/judge_models.py", "expunge/metrics.py", "expunge/video.py",
        "expunge/spec.py",
    ),
    "report": ("stages/report.py", "expunge/report.py", "expunge/templates"),
}  # fmt: skip
