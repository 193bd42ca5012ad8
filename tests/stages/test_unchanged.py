"""A byte that is changed in place in build/: the next stage that reads the file names it, and says how to heal it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from expunge.core.digest import file_digest
from expunge.core.errors import InputError
from expunge.core.index import read_index, require_unchanged
from stages import attack, attest, drift, render, report, score, unlearn, verdict

STORE = Path(".expunge/store")
CASES: dict[str, tuple[str, str, Callable[[], None]]] = {  # (what is flipped, the stage that wrote it, who reads it)
    "images for training": ("fewshot/list/one/latents.safetensors", "fewshot", unlearn.run),
    "an encoder, drawn with": ("encoders/list/one/model.safetensors", "unlearn", render.run),
    "an encoder, measured": ("encoders/list/one/model.safetensors", "unlearn", drift.run),
    "an encoder, attacked": ("encoders/list/one/model.safetensors", "unlearn", attack.run),
    "an encoder, recorded": ("encoders/list/one/config.json", "unlearn", attest.run),
    "a render, scored": ("renders/list/one/list--one/image-000.png", "render", score.run),
    "a render, shown": ("renders/list/one/list--one/image-000.png", "render", report.run),
    "an original's render, attacked from": ("renders/original/list/one/image-000.png", "render", attack.run),
    "the table of scores": ("scores/scores.parquet", "score", verdict.run),
    "the table of scores, shown": ("scores/scores.parquet", "score", report.run),
    "a drift": ("drift/list/one/drift.json", "drift", verdict.run),
    "an attack": ("attacks/list/one/words/attempts.json", "attack", verdict.run),
    "an attack, shown": ("attacks/list/one/words/attempts.json", "attack", report.run),
}


def flip_in_place(file: Path) -> None:
    file.chmod(0o644)
    with open(file, "r+b") as there:
        there.seek(-5, 2)
        byte = there.read(1)
        there.seek(-5, 2)
        there.write(bytes([byte[0] ^ 1]))


@pytest.mark.parametrize("case", CASES)
def test_the_next_stage_that_reads_it_names_the_file(here: Path, case: str) -> None:
    name, stage, run = CASES[case]
    shutil.rmtree(STORE)  # else nothing would be computed, and so nothing read
    flip_in_place(Path("build") / name)
    with pytest.raises(InputError) as caught:
        run()
    (problem,) = caught.value.problems
    out = f"build/{name.split('/')[0]}"
    assert problem.where == f"build/{name}" and f"is not the file that the stage {stage} wrote" in problem.what
    assert problem.fix.startswith(f"run `dvc checkout --force {out}`, or `dvc repro --force {stage}`")


def test_a_file_more_and_a_file_less_are_named_at_once(here: Path) -> None:
    shutil.rmtree(STORE)
    Path("build/encoders/list/one/denoiser.safetensors").write_bytes(b"planted")
    Path("build/encoders/list/two/config.json").unlink()
    with pytest.raises(InputError) as caught:
        render.run()
    assert [(each.where, each.what) for each in caught.value.problems] == [
        ("build/encoders/list/one/denoiser.safetensors", "is no file that the stage unlearn wrote"),
        ("build/encoders/list/two/config.json", "is missing"),
    ]


def test_what_is_reused_is_not_read_and_running_the_stage_again_heals(here: Path) -> None:
    file = Path("build/encoders/list/one/model.safetensors")
    sound = file_digest(file)
    flip_in_place(file)
    render.run()  # every unit comes from the store
    with pytest.raises(InputError, match=r"model\.safetensors"):
        attest.run()
    unlearn.run()
    assert file_digest(file) == sound
    attest.run()


def test_every_file_that_is_read_has_a_digest(here: Path) -> None:
    """Old indexes have none of the table of scores."""
    for stage in ("fewshot", "encoders", "renders", "scores", "drift", "attacks"):
        out = Path("build", stage)
        index = read_index(out)
        known = {out / unit / file for unit, record in index.units.items() for file in record.files}
        known |= {out / file for file in index.files} | {out / "index.json"}
        assert {file for file in out.rglob("*") if file.is_file()} == known
        require_unchanged([*(out / unit for unit in index.units), *(out / file for file in index.files)])
    require_unchanged([Path("params.yaml"), Path("bases/tiny")])  # no stage's
