"""What a release says of itself: card, bills of materials, report and exports, and that they say what was measured."""

import csv
import html
import json
import re
import shutil
import tarfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from diffusers import StableDiffusionPipeline
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from transformers import CLIPTextModel

from expunge.core.digest import file_digest, folder_files
from expunge.records import bom_cyclonedx, bom_spdx
from expunge.records.release_folder import pack
from tests.support.attested import SECRET, command, flip, rewrite


@pytest.fixture
def made(here: Path) -> Path:
    """The release, unsigned, without its report."""
    result = command("release", "small", "--no-report")
    assert result.exit_code == 0, result.output
    return here / "release" / "small"


def told(folder: Path) -> Any:
    return json.loads((folder / "record.json").read_text())["predicate"]


def test_all_papers_have_the_numbers_of_the_record(made: Path) -> None:
    gates = told(made)["evaluations"]
    values = {(each["modality"], each["metric"], each["concept"]): each["value"] for each in gates if each["n"]}
    assert values
    card = ModelCard.load(made / "README.md").data
    modality = {"text-to-image": "image", "text-to-video": "video"}
    assert values == {
        (modality[each.task_type], each.metric_type, "" if each.dataset_config == "all" else each.dataset_config):
        each.metric_value for each in card.eval_results
    }  # fmt: skip
    cdx = json.loads((made / "bom.cdx.json").read_text())["metadata"]["component"]
    metrics = cdx["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert sorted(float(each["value"]) for each in metrics) == sorted(values.values())
    spdx = json.loads((made / "bom.spdx.json").read_text())["@graph"]
    (model,) = [each for each in spdx if each["type"] == "ai_AIPackage"]
    assert sorted(float(each["value"]) for each in model["ai_metric"]) == sorted(values.values())
    with open(made / "rates.csv", newline="") as lines:
        rates = {(row["modality"], row["metric"], row["concept"]): row["value"] for row in csv.DictReader(lines)}
    assert all(float(rates[key]) == pytest.approx(value, abs=1e-5) for key, value in values.items() if key in rates)


def test_the_bills_of_materials_fit_their_schemas_and_name_the_files(made: Path) -> None:
    cdx, spdx = ((made / f"bom.{kind}.json").read_text() for kind in ("cdx", "spdx"))
    assert bom_cyclonedx.problem_of(cdx) is None and bom_spdx.problem_of(spdx) is None
    files = {f"encoder/{name}": sha256 for name, sha256 in folder_files(made / "encoder").items()}
    component = json.loads(cdx)["metadata"]["component"]
    assert {each["name"]: each["hashes"][0]["content"] for each in component["components"]} == files
    graph = json.loads(spdx)["@graph"]
    named = {each["name"]: each["verifiedUsing"][0]["hashValue"] for each in graph if each["type"] == "software_File"}
    assert files.items() <= named.items() and named["record.json"] == file_digest(made / "record.json")
    assert (info := next(each for each in graph if each["type"] == "CreationInfo"))
    assert info["created"] == bom_spdx.UNKNOWN and "No time is known" in info["comment"]  # there is no git


def test_the_whole_report_lies_in_the_folder(away: Path) -> None:
    """Each link leads to a file of the release, and no page shows another encoder or says a confidential word."""
    report = Path("small/report")
    pages = sorted(report.rglob("*.html"))
    assert [page.name for page in pages] == ["releases--small--one.html", "index.html"]
    seen = set()
    for page in pages:
        text = page.read_text("utf-8")
        for link in re.findall(r'\s(?:href|src|data-src)="([^"#]+)"', text):
            if not link.startswith("data:"):
                target = (page.parent / unquote(html.unescape(link))).resolve()
                assert target.is_file() and target.is_relative_to(Path("small").resolve()), link
                seen.add(target.suffix)
        assert "list--two" not in text  # an encoder; that the release need not forget its concept is said
        assert "May this go out? Yes." in text or page.name != "index.html"
    assert {".png", ".mp4", ".json", ".css"} <= seen
    words = [SECRET["name"], *SECRET["aliases"]]
    for name in folder_files("small"):
        if not name.endswith((".safetensors", ".png", ".mp4", ".gif")):
            text = Path("small", name).read_text("utf-8").casefold()
            assert not [word for word in words if word.casefold() in text], name


def test_pictures_of_another_run_go_nowhere(here: Path) -> None:
    flip(next(Path("build/renders/releases/small").rglob("*.png")))
    found = command("release", "small")
    assert found.exit_code == 2 and "is missing, or not what the run wrote" in found.stderr, found.output
    assert not Path("release").exists() or not list(Path("release").iterdir())
    rewrite("build/renders/index.json", lambda d: [each.update(key="0" * 64) for each in d["units"].values()])
    assert "is of another run than the record" in command("release", "small").stderr
    shutil.rmtree("build/scores")
    found = command("release", "small")
    assert found.exit_code == 2 and "scores.parquet: is not here" in found.stderr and "--no-report" in found.stderr
    assert command("release", "small", "--no-report").exit_code == 0


def test_exports_go_along_where_they_are_asked_for(here: Path) -> None:
    made = command("release", "small", "--no-report", "--export", "comfyui", "--export", "diffusers")
    assert made.exit_code == 0, made.output
    folder = Path("release/small")
    assert "exports/small.clip.safetensors" in {each["name"] for each in read(folder / "release.json")["subject"]}
    tested = load_file(folder / "encoder/model.safetensors")
    assert load_file(folder / "exports/small.clip.safetensors").keys() == tested.keys()
    pipe = StableDiffusionPipeline.from_pretrained(folder / "exports/diffusers")
    encoder = CLIPTextModel.from_pretrained(folder / "encoder")
    name, tensor = next(iter(encoder.state_dict().items()))
    assert (pipe.text_encoder.state_dict()[name] == tensor).all()
    card = ModelCard.load(folder / "exports/diffusers/README.md")
    assert card.data.library_name == "diffusers" and card.data.eval_results


def read(file: Path) -> Any:
    return json.loads(file.read_text())


def test_what_gives_the_original_back_is_not_handed_on_by_the_way(here: Path) -> None:
    found = command("release", "small", "--export", "lora")
    assert found.exit_code == 2 and "subtracting it gives the original encoder back" in found.stderr
    assert "needs a checkpoint" in command("release", "small", "--export", "single-file").stderr
    assert "no form is written into" in command("release", "small", "--into", "x.safetensors").stderr
    assert not Path("release").exists()


def test_a_tar_holds_paths_of_any_length(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    long = folder / "report" / "media" / ("d" * 120) / ("e" * 120) / ("f" * 120)
    long.mkdir(parents=True)
    (long / f"{'g' * 120}.png").write_bytes(b"x")
    for name in ("one.tar", "two.tar"):
        pack(folder, tmp_path / name)
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    with tarfile.open(tmp_path / "one.tar") as tar:
        tar.extractall(tmp_path / "again", filter="data")
    assert folder_files(tmp_path / "again/small") == folder_files(folder)


def test_the_card_in_the_encoders_own_folder_is_one_of_the_tested_files(here: Path) -> None:
    for name in ("list/one", "releases/small"):
        folder = Path("build/encoders") / name
        assert ModelCard.load(folder / "README.md").data.eval_results is None
        assert f"build/encoders/{name}/README.md" in {
            each["name"] for each in read(Path(f"audit/{name}.json"))["subject"]
        }
