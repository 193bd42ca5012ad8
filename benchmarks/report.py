"""How long the report of many concepts takes: to write it and, in a browser, to open and to sort its overview.

uv run python -m benchmarks.report [CONCEPTS]
"""

import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from expunge.report import write_site
from tests.support.made_run import make_many

CHROMIUM = Path("/usr/bin/chromium")
CLICK = """() => {
    const start = performance.now();
    document.querySelector('[data-key=image-near]').click();
    return performance.now() - start;
}"""


def main(concepts: Annotated[int, typer.Argument(help="of the made-up run")] = 1000) -> None:
    """How long the report of many concepts takes."""
    with tempfile.TemporaryDirectory() as folder:
        made = make_many(Path(folder) / "build", concepts)
        start = time.perf_counter()
        index = write_site(Path(folder) / "build" / "report", made)
        seconds, size = time.perf_counter() - start, index.stat().st_size
        print(f"{concepts} concepts: written in {seconds:.1f} s, index.html {size:,} bytes")
        if not CHROMIUM.exists():
            print(f"not opened: there is no {CHROMIUM}")
            return
        try:
            from playwright.sync_api import sync_playwright
        except ImportError:
            print("not opened: playwright is not installed (dev group)")
            return
        with sync_playwright() as play:
            in_browser(play, index)


def in_browser(play: Any, index: Path) -> None:
    browser = play.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
    page = browser.new_page()
    start = time.perf_counter()
    page.goto(index.as_uri())
    page.wait_for_selector("html[data-ready]")
    print(f"opened in {time.perf_counter() - start:.1f} s, sorted in {page.evaluate(CLICK):.0f} ms")
    browser.close()


if __name__ == "__main__":
    typer.run(main)
