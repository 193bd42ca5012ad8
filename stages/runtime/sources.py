# ruff: noqa: E501
"""The source files whose change makes a stage's results stale: what dvc.yaml names as its code, and what keys digest.

The frame (reuse, process, sources) is left out: it moves results about and does not make them. So is what only reads a
base's file: its results are in the plan, and the base's digest is in every key.
"""

BASE = tuple(
    f"expunge/bases/{name}.py"
    for name in ("base", "condition", "denoising", "edits", "latents", "pipelines", "sampling", "text")
)

LOOKING = (
    "expunge/judging/measure.py", "expunge/judging/table.py", "expunge/judging/copies.py", "expunge/judging/judge.py", "expunge/judging/networks.py",
    "expunge/judging/vocabulary.py", "expunge/core/media.py",
)  # fmt: skip

CODE: dict[str, tuple[str, ...]] = {
    "plan": (
        "stages/plan.py", "stages/runtime/params.py", "expunge/concepts/prompts.py", "expunge/plan/jobs.py", "expunge/plan/validate.py",
        "expunge/concepts/lists.py", "expunge/concepts/checks.py", "expunge/concepts/phrases.py", "expunge/concepts/spelling.py", "expunge/core/names.py",
        "expunge/concepts/schema.py", "expunge/core/yamlfile.py", "expunge/bases/hub.py", "expunge/bases/spec.py", "expunge/core/knobs.py",
        "expunge/methods", "expunge/attacks", "expunge/metrics/thresholds.py", "expunge/metrics/catalogue.py",
    ),
    "fewshot": ("stages/fewshot.py", "expunge/core/media.py", "expunge/judging/copies.py", *BASE),
    "unlearn": ("stages/unlearn.py", "stages/runtime/curves.py", "expunge/methods", *BASE),
    "render": ("stages/render.py", "expunge/core/media.py", *BASE),
    "drift": (
        "stages/drift.py", "expunge/judging/drift.py", "expunge/judging/drift_texts.py", "expunge/judging/vocabulary.py", "expunge/concepts/prompts.py",
        *BASE,
    ),
    "score": ("stages/score.py", *LOOKING, "expunge/judging/formulas.py"),
    "attack": ("stages/attack.py", "expunge/attacks", *LOOKING, "expunge/judging/formulas.py", "expunge/concepts/prompts.py", *BASE),
    "verdict": (
        "stages/verdict.py", "expunge/verdicts/tally.py", "expunge/verdicts/summary.py", "expunge/verdicts/rates.py", "expunge/judging/table.py",
        "expunge/concepts/prompts.py", "expunge/verdicts/gate.py", "expunge/metrics/thresholds.py", "expunge/metrics/catalogue.py", "expunge/concepts/schema.py",
    ),
    "report": (
        "stages/report.py", "expunge/report", "expunge/report/templates", "expunge/judging/table.py", "expunge/verdicts/rates.py",
        "expunge/core/media.py", "expunge/verdicts/gate.py", "expunge/metrics/thresholds.py", "expunge/metrics/catalogue.py", "expunge/concepts/schema.py",
    ),
}  # fmt: skip
