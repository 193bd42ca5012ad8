"""Writes what is made of the catalogue of metrics: concepts/schema.json, and the tables between the markers of pages.

uv run python -m docs.generated
"""

import json
from pathlib import Path

from expunge.core.files import to_json, write_text
from expunge.metrics.gate_schema import gate_schema
from expunge.metrics.markdown import filled

ROOT = Path(__file__).parents[1]
PAGES = ("docs/evaluation.md", "docs/results.md")


def generated() -> dict[str, str]:
    """{file, as seen from the repository: what it should hold}."""
    schema = json.loads((ROOT / "expunge/concepts/schema.json").read_text("utf-8"))
    schema["$defs"]["gate"]["properties"] = gate_schema()
    pages = {page: filled((ROOT / page).read_text("utf-8")) for page in PAGES}
    return {"concepts/schema.json": to_json(schema, indent=2), **pages}


if __name__ == "__main__":
    for name, text in generated().items():
        write_text(ROOT / name, text)
        print(name)
