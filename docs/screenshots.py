"""The report's pages and a release's page to sign as pictures for the docs, by Debian's Chromium: run
`uv run python docs/screenshots.py` after `dvc repro` and `expunge release production`. An argument names another folder
than build/report.

Each is reduced to a palette, so that it stays small in git.
"""

import io
import sys
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip
LIMIT = 300_000  # bytes
WIDE, PHONE = {"width": 1280, "height": 1000}, {"width": 390, "height": 844}
SHEET = {"width": 794, "height": 1123}  # A4 at 96 dots an inch
# name -> page, where to scroll to, colours, window
SHOTS: dict[str, tuple[str, str, str, dict[str, int]]] = {
    "report-overview": ("overview", "", "light", WIDE),
    "report-list": ("list", "", "light", WIDE),
    "report-concept": ("concept", "", "light", WIDE),
    "report-attacks": ("concept", "attacks", "light", WIDE),
    "report-numbers": ("concept", "numbers", "light", WIDE),
    "report-joint": ("joint", "", "light", WIDE),
    "report-release": ("release", "", "light", WIDE),
    "report-dark": ("concept", "", "dark", WIDE),
    "report-dark-overview": ("overview", "", "dark", WIDE),
    "report-phone": ("concept", "", "light", PHONE),
    "report-phone-overview": ("overview", "", "light", PHONE),
    "release-summary": ("summary", "", "light", SHEET),
}


def pages(report: Path) -> dict[str, Path]:
    """One page of each type: the first list's, its first single encoder's, the first joint encoder's, a release's."""
    lists = sorted((report / "lists").glob("*.html"))
    concepts = sorted((report / "concepts").glob("*.html"))
    joint = [file for file in concepts if 'id="concepts"' in file.read_text("utf-8")]
    single = [file for file in concepts if 'id="target"' in file.read_text("utf-8") and file.stem.count("--") == 1]
    return {
        "overview": report / "index.html", "list": lists[0], "concept": single[0], "joint": (joint or single)[0],
        "release": report / "releases/production.html", "summary": ROOT / "release/production/summary.html",
    }  # fmt: skip


def shoot(browser: Any, page: Path, anchor: str, scheme: str, window: dict[str, int]) -> bytes:
    """One window's worth of a page as PNG; videos stand at the same place in every run."""
    context = browser.new_context(viewport=window, color_scheme=scheme, reduced_motion="reduce", device_scale_factor=1)
    try:
        tab = context.new_page()
        tab.goto(page.resolve().as_uri() + (f"#{anchor}" if anchor else ""))
        if page.name != "summary.html":  # which has no script
            tab.wait_for_selector("html[data-ready]")
        tab.wait_for_function(
            "[...document.querySelectorAll('video[src]')].every(video => video.readyState >= 2) &&"
            "[...document.images].every(image => image.complete || image.loading == 'lazy')"
        )
        tab.wait_for_timeout(300)
        return tab.screenshot()
    finally:
        context.close()


def small(png: bytes) -> bytes:
    """The same picture with as many colours of a palette as the limit allows."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in (256, 128, 64, 32):
        out = io.BytesIO()
        picture.quantize(colours, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        if out.tell() < LIMIT:
            break
    return out.getvalue()


def main() -> None:
    from playwright.sync_api import sync_playwright

    report = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "report"
    images = Path(sys.argv[2]) if len(sys.argv) > 2 else IMAGES
    files = pages(report)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for name, (page, anchor, scheme, window) in SHOTS.items():
            (images / f"{name}.png").write_bytes(small(shoot(browser, files[page], anchor, scheme, window)))
        browser.close()


if __name__ == "__main__":
    main()
