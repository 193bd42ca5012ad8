"""What is shipped: the embedded base's files, its card and the lists."""

import json

from safetensors import safe_open

from expunge.bases.spec import load_spec
from expunge.plan.validate_lists import validate
from tests.support.paths import ROOT

EMOJI = ROOT / "bases" / "emoji"
MIB = 2**20


def test_the_weights_are_small_and_half_precision() -> None:
    weights = sorted(EMOJI.rglob("*.safetensors"))
    assert {file.relative_to(EMOJI).parts[0] for file in weights} == {"t2i", "t2v", "judge"}
    assert sum(file.stat().st_size for file in weights) < 48 * MIB
    for file in weights:
        assert file.stat().st_size < 16 * MIB, file
        with safe_open(file, "pt") as tensors:
            kinds = {str(tensors.get_slice(name).get_dtype()) for name in tensors.keys()}  # noqa: SIM118
        assert kinds <= {"F16", "I64"}, (file, kinds)


def test_no_pickle_is_shipped() -> None:
    assert not [f for f in ROOT.glob("bases/**/*") if f.suffix in {".bin", ".pt", ".pth", ".pkl", ".ckpt"}]


def test_the_card_says_what_was_measured() -> None:
    rates, card = json.loads((EMOJI / "quality.json").read_text()), (EMOJI / "README.md").read_text("utf-8")
    for key, row in rates.items():
        line = next(line for line in card.splitlines() if line.startswith(f"| {key} "))
        assert f"{row['rate']:.3f}" in line and f" {row['n']} " in line
        assert "bar" not in row or ("not met" in line) == (row["rate"] < row["bar"])


def test_the_shipped_lists_are_valid() -> None:
    lists, _ = validate(ROOT / "concepts", "emoji", ROOT / "bases")
    assert {each.id for each in lists} == {
        "characters",
        "compositions",
        "food",
        "motions",
        "objects",
        "papers",
        "people",
        "pictures",
        "styles",
    }
    special = {"compositions", "food", "motions", "pictures"}  # one case of the papers each, as small as it can be
    assert all(3 - 2 * (each.id in special) <= len(each.concepts) <= 6 for each in lists)
    kinds = {concept.kind for each in lists for concept in each.concepts}
    assert kinds == {"character", "style", "object", "person", "motion", "image", "category"}
    assert any(each.keep for each in lists)
    assert any(concept.parts for each in lists for concept in each.concepts)
    assert any(each.encoders.joint for each in lists)
    assert any(concept.sense for each in lists for concept in each.concepts)


def test_both_shipped_bases_can_be_read() -> None:
    for name in ("emoji", "sd15-animatediff"):
        spec = load_spec(name, ROOT / "bases")
        assert spec.name == name and spec.prompts.is_file()
