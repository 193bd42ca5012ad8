"""The summary of a release in Debian's Chromium: that it prints to one page, however much it forgets."""

import importlib.util
import re
from pathlib import Path

import pytest

from expunge.records.release_folder import Chosen, summary
from tests.support.made_record import made_record

CHROMIUM = Path("/usr/bin/chromium")
READY = CHROMIUM.exists() and importlib.util.find_spec("playwright") is not None
pytestmark = pytest.mark.skipif(not READY, reason="needs /usr/bin/chromium and the package playwright")


@pytest.mark.parametrize("count", [1, 500])
def test_it_prints_to_one_page(tmp_path: Path, count: int) -> None:
    from playwright.sync_api import sync_playwright

    concepts = [
        {"concept": f"a-list-of-characters/a-long-name-{number}", "entry": {}, "request": {"id": f"REQ-{number:04}"}}
        for number in range(count)
    ]
    limits = [f"{number}: embeddings that are fed to the denoiser without this encoder, textual inversions included, "
              "are not held back." for number in range(6)]  # fmt: skip
    record = made_record(concepts=concepts, notCovered=limits, attacked=[], attacks={"words": {}})
    reason = {"concept": "one", "metric": "target", "modality": "image", "value": 0.0, "threshold": "<= 0.05",
              "sure": True, "verdict": "pass", "required": True}  # fmt: skip
    chosen = Chosen(adapter=True, exports=("comfyui", "diffusers"))
    page = tmp_path / "summary.html"
    page.write_text(summary("small", record, {"reasons": [reason] * count}, chosen), "utf-8")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page()
        tab.goto(page.as_uri())
        pdf = tab.pdf(prefer_css_page_size=True)
        browser.close()
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
