"""Writes the report: a few kinds of static pages, a style sheet and a script; it asks nothing of a network."""

import json
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from expunge.core.files import write_aside
from expunge.report import encoder_pages, pages
from expunge.report.attempts import attempts_of
from expunge.report.definitions import CERTAINTY, DEFINITIONS, VERDICTS, WORDS, definition, in_words, shown
from expunge.report.numbers import between
from expunge.report.run import Run, url
from expunge.verdicts.gate import FEW

TEMPLATES = Path(__file__).with_name("templates")
ASSETS = ("report.css", "report.js")


def write_site(folder: Path, run: Run) -> Path:
    """Write every page into `folder` and return index.html. Sheets are linked where `folder`/sheets holds them."""
    sheets = frozenset(file.name for file in (folder / "sheets").glob("*.*"))
    site = pages.Site(run, folder, sheets)
    (folder / "assets").mkdir(parents=True, exist_ok=True)
    for name in ASSETS:
        shutil.copyfile(TEMPLATES / name, folder / "assets" / name)
    told = {metric: in_words(metric) for metric in DEFINITIONS}
    _write(folder / "assets" / "definitions.js", f"const DEFINITIONS = {json.dumps(told, ensure_ascii=False)};\n")
    for file, html in render(site):
        _write(file, html)
    return site.index


def _write(file: Path, text: str) -> None:
    write_aside(file, lambda part: part.write_text(text, "utf-8"))


def render(site: pages.Site) -> Iterator[tuple[Path, str]]:
    """(file, HTML) of every page."""
    run = site.run
    yield _page(site, "overview", pages.overview(site))
    for name in run.plan["lists"]:
        yield _page(site, "list", pages.list_page(site, name))
    for name, entry in run.plan["encoders"].items():
        tries = attempts_of(run, name)
        yield _page(site, "encoder", encoder_pages.encoder_page(site, name, tries))
        for concept in entry["concepts"] if len(entry["concepts"]) > 1 else ():
            yield _page(site, "encoder", encoder_pages.part_page(site, name, concept, tries.get(concept, [])))


def _page(site: pages.Site, template: str, context: dict[str, Any]) -> tuple[Path, str]:
    page: Path = context["page"]
    around = {
        "title": site.run.title, "base": site.run.plan["base"]["name"], "home": url(page, site.index),
        "assets": url(page, site.folder / "assets"), "attacked": site.attacked,
        "verdict_words": VERDICTS, "small": _is_small(site),
    }  # fmt: skip
    return page, _templates().get_template(f"{template}.html.j2").render({**around, **context})


@cache
def _templates() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=StrictUndefined,
    )  # fmt: skip
    environment.filters["percent"] = lambda rate: f"{round(100 * rate)}"
    environment.filters["css"] = lambda number: f"{number:.2f}".rstrip("0").rstrip(".").removeprefix("0") or "0"
    environment.filters["twice"] = lambda values: [(value, value) for value in values]  # a select's options
    environment.globals.update(
        define=definition, shown=shown, between=between, certainty=CERTAINTY, few_below=FEW, words=WORDS
    )
    return environment


_SMALL = 128  # pixels; pictures up to there are shown with their pixels as squares


def _is_small(site: pages.Site) -> bool:
    return _picture_side(site.run.renders) <= _SMALL


@cache
def _picture_side(renders: Path) -> int:
    """Height of the renders, from the first that is found."""
    from PIL import Image

    first = next(renders.glob("original/*/*/*.png"), None)
    if first is None:
        return _SMALL
    with Image.open(first) as picture:
        return picture.height
