"""Writes the report: a few kinds of static pages, a style sheet and a script; it asks nothing of a network."""

import json
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from expunge.core.files import write_text
from expunge.metrics.catalogue import METRICS
from expunge.report import encoder_pages, pages, release_pages
from expunge.report.attempts import attempts_of
from expunge.report.definitions import CERTAINTY, VERDICTS, WORDS, between, definition, in_words, shown
from expunge.report.layout import Site
from expunge.report.run import Run, url
from expunge.verdicts.verdict_file import FEW

TEMPLATES = Path(__file__).with_name("templates")
ASSETS = ("report.css", "report.js")


def write_site(folder: Path, run: Run, alone: bool = False) -> Path:
    """Write every page into `folder` and return index.html. Sheets are linked where `folder`/sheets holds them.

    :param alone: the plan has one encoder, a release: its page is index.html, and there is none of a list.
    """
    sheets = frozenset(file.name for file in (folder / "sheets").glob("*.*"))
    site = Site(run, folder, sheets, alone)
    (folder / "assets").mkdir(parents=True, exist_ok=True)
    for name in ASSETS:
        shutil.copyfile(TEMPLATES / name, folder / "assets" / name)
    definitions = json.dumps({name: in_words(name) for name in METRICS}, ensure_ascii=False)
    write_text(folder / "assets" / "definitions.js", f"const DEFINITIONS = {definitions};\n")
    for file, html in render(site):
        write_text(file, html)
    return site.index


def render(site: Site) -> Iterator[tuple[Path, str]]:
    """(file, HTML) of every page."""
    plan = site.run.plan
    if not site.alone:
        yield _page(site, "overview", pages.overview(site))
        for name in plan.lists:
            yield _page(site, "list", pages.list_page(site, name))
    for name, job in plan.encoders.items():
        attempts, release = attempts_of(site.run, name), plan.release_of(name)
        if release is not None:
            yield _page(site, "release", release_pages.release_page(site, name, release))
        else:
            yield _page(site, "encoder", encoder_pages.encoder_page(site, name, attempts))
        for concept in job.concepts if len(job.concepts) > 1 or release is not None else ():
            part = encoder_pages.part_page(site, name, concept, attempts.get(concept, []))
            yield _page(site, "encoder", part)


def _page(site: Site, template: str, context: dict[str, Any]) -> tuple[Path, str]:
    page: Path = context["page"]
    around = {
        "title": site.run.title, "base": site.run.plan.base.name, "home": url(page, site.index),
        "assets": url(page, site.folder / "assets"), "attacked": site.attacked,
        "verdict_words": VERDICTS, "small": _is_small(site), "alone": site.alone,
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


_SMALL = 128  # pixels; pictures up to this size are enlarged with sharp pixels


def _is_small(site: Site) -> bool:
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
