"""What a `gate:` may hold, as a part of the JSON Schema of concept lists (concepts/schema.json)."""

from typing import Any

from expunge.metrics.catalogue import direction, metrics_of
from expunge.metrics.metric import ALL

WORDS = {"image": "images", "video": "videos", "text": "the encoder's output"}


def gate_schema(releases: bool = False) -> dict[str, Any]:
    """The `properties` of a gate: thresholds by modality and metric, and whether they are required.

    A threshold's own form is `#/$defs/threshold` of the schema that this becomes a part of.

    :param releases: the gate is one of params.yaml, which may name what a release alone has.
    """
    required = {
        "title": "Required", "type": "boolean", "default": True,
        "description": "false where a failure is reported and `expunge gate` passes all the same",
    }  # fmt: skip
    return {"required": required, **{modality: _thresholds(modality, releases) for modality in ALL}}


def gate_examples() -> dict[str, str]:
    """{metric: how to write a threshold of it}, for who writes it outside of a gate."""
    examples = {}
    for modality in reversed(ALL):  # images last: they stay
        for name in metrics_of(modality, releases=False):
            bound = ">= 0.9" if direction(name) == "higher" else "<= 0.05"
            examples[name] = f'a threshold belongs to the gate: write `gate: {{{modality}: {{{name}: "{bound}"}}}}`'
    return examples


def _thresholds(modality: str, releases: bool) -> dict[str, Any]:
    example = "weight_change" if modality == "text" else "target"
    return {
        "title": f"Thresholds of {WORDS[modality]}", "type": "object", "minProperties": 1,
        "additionalProperties": {"$ref": "#/$defs/threshold"},
        "description": f'thresholds by metric, such as {{{example}: "<= 0.1"}}',
        "propertyNames": {"enum": metrics_of(modality, releases)},
    }  # fmt: skip
