"""few-shot on every shipped concept, `full` beside `mlp-final-attn`: runs the pipeline, writes docs/few-shot.md.

    uv run python -m benchmarks.few_shot

Seconds are those of training on this machine. dvc's cache keeps what each run computed, so a second call is quick. At
the end params.yaml is restored, and the pipeline runs with it.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import typer
from jinja2 import Template
from ruamel.yaml import YAML

from expunge.core.accounts import read_seconds

ROOT = Path(__file__).resolve().parents[1]
VARIANTS = ("mlp-final-attn", "full")
PAGE = """\
# few-shot on the embedded base

Share of samples in which the judge sees what the prompt asks about; smaller is better for target and aliases, larger
for near and far. `original` is the encoder before. Written by `benchmarks/few_shot.py`: learning rate
{{ settings.learning_rate }}, {{ settings.steps }} steps of {{ settings.batch }}, guidance's empty prompt
{{ settings.unconditional }}, keep {{ settings.keep }}.
{% for modality in ("image", "video") %}

## {{ modality | capitalize }}s
| encoder | trained | target | aliases | near | far | sense | seconds |
|---|---|---|---|---|---|---|---|
{% for encoder in original %}
{% for name, table in tables.items() %}
{% set rates = table[encoder][modality] %}
| {{ encoder }} | {{ name }} | {% for group in ("target", "aliases", "near", "far", "sense") -%}
{{ "%.2f" | format(rates[group]) if group in rates else "" }} | {% endfor %}{{ seconds[name][encoder] | default("") }} |
{% endfor %}
{% endfor %}
{% endfor %}
"""


def repro() -> None:
    subprocess.run([sys.executable, "-m", "dvc", "repro"], cwd=ROOT, check=True)


def main() -> None:
    """Run the pipeline with few-shot in both variants, and write docs/few-shot.md."""
    yaml = YAML()
    before = (ROOT / "params.yaml").read_text("utf-8")
    params = yaml.load(before)
    tables, seconds = dict[str, Any](), {"original": dict[str, float]()}
    try:
        for variant in VARIANTS:
            params["unlearn"]["method"], params["unlearn"]["few-shot"]["trained"] = "few-shot", variant
            with open(ROOT / "params.yaml", "w") as file:
                yaml.dump(params, file)
            repro()
            original = json.loads((ROOT / "metrics" / "base.json").read_text())["encoders"]
            seconds[variant] = read_seconds("unlearn")
            tables[variant] = json.loads((ROOT / "metrics" / "summary.json").read_text())["encoders"]
    finally:
        (ROOT / "params.yaml").write_text(before, "utf-8")
    repro()
    template = Template(PAGE, trim_blocks=True, lstrip_blocks=True)
    settings = params["unlearn"]["few-shot"]
    tables = {"original": original, **tables}
    page = template.render(original=original, tables=tables, seconds=seconds, settings=settings)
    (ROOT / "docs" / "few-shot.md").write_text(page + "\n", "utf-8")


if __name__ == "__main__":
    typer.run(main)
