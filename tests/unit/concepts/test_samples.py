"""prompts.json of a unit: read as it was written, one clear error where it is broken."""

from pathlib import Path

import pytest

from expunge.concepts.samples import Asks, PlannedSample, read_planned, write_planned
from expunge.core.errors import InputError

SAMPLES = [
    PlannedSample("target", "an owl", 1, "image", Asks("subject", "owl"), "image-000.png"),
    PlannedSample("near", "an owl and a cat", 2, "video", Asks("both", "owl and cat", ("owl", "cat")), "video-000.png"),
]


def test_samples_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_planned(tmp_path / "prompts.json", SAMPLES)
    assert read_planned(tmp_path / "prompts.json") == SAMPLES


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (None, "is missing"),
        ("[", "is not a list of planned samples"),
        ("{}", "Expected `array`"),
        ('[{"group": "target"}]', "missing required field `prompt`"),
        (
            '[{"group": "target", "prompt": "p", "seed": "1", "modality": "image"}]',
            r"Expected `int`, got `str` - at `\$\[0\].seed`",
        ),
    ],
)
def test_a_broken_file_is_one_error(tmp_path: Path, text: str | None, match: str) -> None:
    file = tmp_path / "prompts.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError, match=match) as caught:
        read_planned(file)
    assert len(caught.value.problems) == 1 and "dvc repro render" in str(caught.value)
