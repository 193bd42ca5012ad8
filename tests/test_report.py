"""The report from a made-up run: what it shows, what it must not show, and that its links lead somewhere."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest

from expunge import metrics
from expunge.report import Page, render_html, write_report
from expunge.video import write_mp4, write_png, write_strip

NASTY = '<script>alert("x")</script> & "quotes"'


def concept(name: str, **more: Any) -> dict[str, Any]:
    return {"id": "x", "name": name, "kind": "character", "aliases": ["the tin one"], "neighbours": ["zorb"],
            "anchor": "a toy", "confidential": False, **more}  # fmt: skip


def picture(hue: int, size: int = 24) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    pixels = np.stack([x * 6 + hue, y * 6 + 2 * hue, np.full_like(x, 90 + hue)], -1) % 256
    return pixels.astype(np.uint8)


def make_run(build: Path) -> Page:
    """Two lists, a single, a joint and a confidential encoder; every group with pictures and videos."""
    concepts = {
        "characters/bolt": concept(f"bolt {NASTY}"),
        "characters/boo": concept("boo the ghost", aliases=[], neighbours=["mira holt", "owl"]),
        "people/p-17": concept("mira holt", kind="person", aliases=["the redhead"], confidential=True),
    }
    encoders = {
        "characters/bolt": ["characters/bolt"],
        "characters/both": ["characters/bolt", "characters/boo"],
        "people/p-17": ["people/p-17"],
    }
    rows, hue = [], 0
    prompts: dict[str, list[dict[str, Any]]] = {name: [
        {"group": g, "modality": m, "seed": i, "prompt": f"a picture of {c['name']} ({g})",
         "asks": {"axis": "subject", "name": c["name"]}, "file": f"{m}-{k}-{i:03}.png"}
        for m in ("image", "video") for k, g in enumerate(("target", "near", "far")) for i in range(2)
    ] for name, c in concepts.items()}  # fmt: skip
    prompts["characters/boo"][0]["prompt"] = "a photo of Mira Holt and boo"
    units = [("original", name) for name in concepts] + [(e, name) for e, names in encoders.items() for name in names]
    for encoder, name in units:
        own = encoder == "original"
        folder = build / "renders" / encoder / (name if own else name.replace("/", "--"))
        some = prompts[name] if own else prompts[name][1:] if encoder.endswith("both") else prompts[name]
        folder.mkdir(parents=True)
        (folder / "prompts.json").write_text(json.dumps(some))
        list_, id_ = name.split("/")
        for row in some:
            hue += 37
            if row["modality"] == "video":
                frames = np.stack([np.roll(picture(hue), 3 * f, 1) for f in range(8)])
                write_strip(folder / row["file"], frames)
                write_mp4((folder / row["file"]).with_suffix(".mp4"), frames, 8)
            else:
                write_png(folder / row["file"], picture(hue))
            value = float(own or row["group"] == "far")
            rows.append({"list": list_, "encoder": "original" if own else encoder.split("/")[1], "concept": id_,
                         "modality": row["modality"], "group": row["group"], "sample": 0, "prompt": row["prompt"],
                         "seed": row["seed"], "axis": "subject", "asked": "x", "metric": "seen", "value": value,
                         "judge": "j"})  # fmt: skip
    for name in concepts:
        for index in range(4):
            write_png(build / "fewshot" / name / f"image-{index}.png", picture(50 * index))
    costs = {name: {"seconds": 3.25, "changed_parameters": 123456} for name in encoders}
    lists = {
        "characters": {"title": "Characters <b>", "owner": "release team", "encoders": ["bolt", "both"]},
        "people": {"title": "People", "owner": "", "encoders": ["p-17"]},
    }
    plan = {"base": {"name": "emoji"}, "lists": lists, "concepts": concepts,
            "encoders": {e: {"concepts": names, "method": "few-shot"} for e, names in encoders.items()}}  # fmt: skip
    (build / "scores").mkdir()
    metrics.write_table(build / "scores" / "scores.parquet", rows)
    return Page(
        plan, metrics.summarise(rows, encoders, costs), metrics.summarise(rows, encoders, original=True),
        metrics.redact(rows, concepts), build / "renders", build / "fewshot",
        {"every measurement": build / "scores" / "scores.parquet"},
    )  # fmt: skip


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.urls += [str(found[key]) for key in ("src", "data-src", "href") if found.get(key)]
        self.ids.add(str(found.get("id")))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Page]:
    build = tmp_path_factory.mktemp("run") / "build"
    page = make_run(build)
    return write_report(build / "report", page), page


def test_every_link_leads_to_a_file_inside_build(run: tuple[Path, Page]) -> None:
    file, _ = run
    links = Links()
    links.feed(file.read_text("utf-8"))
    files = [url for url in links.urls if not url.startswith(("#", "data:"))]
    assert len(files) > 40 and any(url.endswith(".mp4") for url in files)
    for url in files:
        assert url.startswith("../") and (file.parent / unquote(url)).is_file(), url
        assert (file.parent / unquote(url)).resolve().is_relative_to(file.parents[1].resolve())
    assert all(url[1:] in links.ids for url in links.urls if url.startswith("#"))
    assert not re.search(r"https?://", file.read_text("utf-8"))


def test_text_is_escaped(run: tuple[Path, Page]) -> None:
    html = run[0].read_text("utf-8")
    assert "alert(&#34;x&#34;)" in html and "<script>alert" not in html
    assert "Characters &lt;b&gt;" in html


def test_a_confidential_concept_shows_its_id_and_rates_alone(run: tuple[Path, Page]) -> None:
    html = run[0].read_text("utf-8")
    assert "p-17" in html and "Confidential" in html
    for word in ("mira", "holt", "redhead"):  # also as another concept's neighbour or in its prompts
        assert word not in html.casefold()
    assert "p-17/" not in html and "p-17--" not in html.replace("people--p-17", "")
    assert "renders/people" not in html and "fewshot/people" not in html


def test_rates_stand_before_and_after(run: tuple[Path, Page]) -> None:
    html = run[0].read_text("utf-8")
    assert "<small>100 → </small><b>0</b>" in html and "<small>100 → </small><b>100</b>" in html
    assert "123,456 parameters changed" in html


def test_a_joint_encoder_pairs_the_prompts_that_it_has(run: tuple[Path, Page]) -> None:
    html = run[0].read_text("utf-8")
    after = "../renders/characters/both/characters--bolt/image-0-001.png"
    assert html.index("../renders/original/characters/bolt/image-0-001.png") < html.index(after)
    assert "both/characters--bolt/image-0-000.png" not in html


def test_the_same_run_gives_the_same_page_and_an_empty_one_a_page_too(run: tuple[Path, Page], tmp_path: Path) -> None:
    file, page = run
    assert render_html(file.parent, page) == file.read_text("utf-8")
    plan = {"base": {"name": "emoji"}, "lists": {}, "concepts": {}, "encoders": {}}
    summary = metrics.summarise([], {})
    empty = Page(plan, summary, summary, [], tmp_path / "renders", tmp_path / "fewshot")
    assert "Verdict" in render_html(tmp_path, empty)
