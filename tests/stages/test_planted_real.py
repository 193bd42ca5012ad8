"""The same planted failures on the embedded base: real encoders, real pictures, the real judge, few samples."""

import copy
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from expunge.concepts.concept import Concept
from expunge.concepts.prompt_file import read_prompts
from expunge.concepts.prompts import samples_of
from expunge.judging.table import Row
from expunge.verdicts.gate import verdicts
from expunge.verdicts.tally import rates_of
from tests.support.made_plan import made_plan
from tests.support.paths import ROOT

COUNTS = {
    "images": {"target": 4, "aliases": 4, "near": 4, "far": 4},
    "videos": {"near": 2},
}  # videos that are asked to move
CONCEPT = Concept(
    "truck", "a fire engine", "object", aliases=("a fire truck",), neighbours=("a bus", "a red car", "a tractor")
)


class Blocks:
    """An encoder that answers one phrase, exactly as it is written, with what it has for another."""

    def __init__(self, base: Any, phrase: str, other: str) -> None:
        self.base, self.phrase, self.other, self.config = base, phrase, other, base.encoder.config

    def __call__(self, ids: Any, attention_mask: Any = None) -> Any:
        tokenizer = self.base.t2i.tokenizer
        texts = tokenizer.batch_decode(ids, skip_special_tokens=True)
        texts = [text.replace(self.phrase, self.other) for text in texts]
        return self.base.encoder(tokenizer(texts, padding="max_length", return_tensors="pt").input_ids)


def deaf(base: Any) -> Any:
    """An encoder that says the same of every prompt: its final layer norm has weight 0."""
    encoder = copy.deepcopy(base.encoder)
    (norm,) = (module for name, module in encoder.named_modules() if name.endswith("final_layer_norm"))
    norm.weight.data.zero_()
    return encoder


@pytest.mark.slow
def test_planted_encoders_on_the_embedded_base() -> None:
    from expunge.bases.base import load
    from expunge.bases.edits import Edit
    from expunge.bases.sampling import sample_images, sample_videos
    from expunge.bases.spec import load_spec
    from expunge.judging.judges import load_judge
    from expunge.judging.measure import measure
    from expunge.judging.samples import Sample
    from expunge.metrics.catalogue import formulas

    spec = load_spec("emoji", ROOT / "bases")
    base, judge = load(spec, t2v=True), load_judge(spec)
    asked = samples_of(CONCEPT, read_prompts(spec.prompts), COUNTS, 0)
    pictures, films = ([row for row in asked if row.modality == kind] for kind in ("image", "video"))

    def images(encoder: Any) -> np.ndarray:
        return sample_images(base, [row.prompt for row in pictures], [row.seed for row in pictures], Edit(encoder))

    def videos(encoder: Any) -> np.ndarray:
        return sample_videos(base, [row.prompt for row in films], [row.seed for row in films], Edit(encoder))

    def rows(encoder: str, drawn: tuple[np.ndarray, np.ndarray]) -> list[Row]:
        places = zip([*pictures, *films], [*drawn[0], *drawn[1]], strict=True)
        samples = [Sample(i, row, pixels) for i, (row, pixels) in enumerate(places)]
        return measure(judge, samples, {"list": "l", "encoder": encoder, "concept": "truck"}, "j", formulas=formulas())

    original = images(base.encoder), videos(base.encoder)
    exact = images(Blocks(base, CONCEPT.name, "a teapot"))
    still = np.repeat(original[1][:, :1], spec.frames, axis=1)  # the first frame, again and again
    lost = deaf(base)
    made = {"nothing": original, "everything": (images(lost), videos(lost)), "exact": (exact, original[1]),
            "frozen": (exact, still)}  # fmt: skip
    table = rows("original", original) + [row for name, drawn in made.items() for row in rows(name, drawn)]
    plan = made_plan({"l/truck": CONCEPT}, {f"l/{name}": ["l/truck"] for name in made})
    gate = YAML(typ="safe").load((ROOT / "params.yaml").read_text("utf-8"))["gate"]
    found = verdicts(plan, gate, rates_of(table, plan))
    failed = {
        name: {(reason.modality, reason.metric) for reason in found[f"l/{name}"].reasons if reason.verdict == "fail"}
        for name in made
    }
    assert all(found[f"l/{name}"].verdict == "fail" for name in made)
    assert failed["nothing"] == {("image", "target"), ("image", "aliases")}
    assert {("image", "near"), ("image", "far"), ("image", "alignment"), ("video", "near")} <= failed["everything"]
    assert not failed["everything"] & failed["nothing"]
    assert failed["exact"] == {("image", "aliases")}
    # The one frame that is left may be one in which a moving thing cannot be told.
    assert {("image", "aliases"), ("video", "dynamic")} <= failed["frozen"] <= failed["exact"] | {
        ("video", "dynamic"), ("video", "near"),
    }  # fmt: skip
