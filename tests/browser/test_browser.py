"""The report in Debian's Chromium, from disk: what a reader clicks, types, hovers and prints."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from expunge.report import write_sheets, write_site
from tests.support.made_run import make_many, make_run

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip
WHY = next(
    (why for bad, why in (
        (importlib.util.find_spec("playwright") is None, "the package playwright is not installed (dev group)"),
        (not CHROMIUM.exists(), "there is no /usr/bin/chromium (Debian: apt-get install chromium)"),
    ) if bad), "",
)  # fmt: skip
pytestmark = pytest.mark.skipif(bool(WHY), reason=WHY)
KINDS = ["index", "lists/characters", "lists/people", "concepts/characters--bolt", "concepts/characters--both",
         "concepts/characters--both--boo", "concepts/people--p-17"]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    build = tmp_path_factory.mktemp("site") / "build"
    run = make_run(build)
    write_sheets(build / "report" / "sheets", run)
    return write_site(build / "report", run).parent


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    build = tmp_path_factory.mktemp("many") / "build"
    return write_site(build / "report", make_many(build, 1000)).parent


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    """A page on which nothing may go wrong."""
    yield from tabs(browser)


@pytest.fixture
def phone(browser: Any) -> Iterator[Any]:
    yield from tabs(browser, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)


@pytest.fixture
def dark(browser: Any) -> Iterator[Any]:
    yield from tabs(browser, color_scheme="dark", reduced_motion="reduce")


def tabs(browser: Any, **options: Any) -> Iterator[Any]:
    context = browser.new_context(**options)
    page, wrong = context.new_page(), list[str]()
    page.set_default_timeout(15_000)
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda r: None if "ERR_ABORTED" in r.failure else wrong.append(r.url))
    page.on("request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else wrong.append(r.url))
    yield page
    context.close()
    assert wrong == []


def open_page(tab: Any, site: Path, name: str, hash_: str = "") -> None:
    tab.goto((site / f"{name}.html").as_uri() + hash_)
    tab.wait_for_selector("html[data-ready]")


def names(tab: Any, table: str) -> list[str]:
    return tab.locator(f"table[data-table={table}] tbody th").all_inner_texts()


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_page_loads_without_a_complaint(site: Path, tab: Any, name: str) -> None:
    open_page(tab, site, name)
    tab.mouse.wheel(0, 30_000)  # what is lazy, too
    tab.wait_for_function("[...document.images].every(i => i.matches('.strip') || i.naturalWidth || !i.complete)")
    assert tab.locator("h1").count() == 1 and tab.locator("main").is_visible()


@pytest.mark.parametrize("name", KINDS)
def test_nothing_sticks_out_on_a_phone(site: Path, phone: Any, name: str) -> None:
    open_page(phone, site, name)
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("name", KINDS)
def test_dark_mode_is_dark_and_fits(site: Path, dark: Any, name: str) -> None:
    open_page(dark, site, name)
    red, green, blue = dark.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    ink = dark.evaluate("getComputedStyle(document.querySelector('h1')).color.match(/\\d+/g).map(Number)")
    assert max(red, green, blue) < 50 and min(ink) > 180
    assert dark.evaluate("document.documentElement.scrollWidth <= innerWidth")


ALL = "(selector, within) => [...(within || document).querySelectorAll(selector)]"
TIMES = f"({ALL})('#target .videos').map(pair => ({ALL})('video', pair).map(video => video.currentTime))"


def test_videos_play_in_step_and_one_button_stops_and_starts_them(site: Path, tab: Any) -> None:
    open_page(tab, site, "concepts/characters--bolt")
    button = tab.locator("#play")
    assert button.inner_text() == "Pause" and button.get_attribute("aria-pressed") == "true"  # they play by themselves
    tab.wait_for_function(f"{TIMES}.flat().every(t => t > 0)")
    seen = set()
    for _ in range(12):
        times = tab.evaluate(TIMES)
        for left, right in times:
            apart = abs(left - right)
            assert min(apart, 1 - apart) <= 0.1  # they loop after one second
        seen.add(round(times[0][0], 2))
        tab.wait_for_timeout(80)
    assert len(seen) > 5 and len(times) == 2
    button.click()
    assert button.get_attribute("aria-pressed") == "false" and button.inner_text() == "Play"
    tab.wait_for_timeout(200)
    still = tab.evaluate(TIMES)
    tab.wait_for_timeout(200)
    assert tab.evaluate(TIMES) == still and all(abs(left - right) < 0.01 for left, right in still)
    button.press("Space")
    tab.wait_for_function(f"JSON.stringify({TIMES}) !== {str(still).replace(' ', '')!r}")


def test_videos_load_when_they_come_near_and_stay_still_where_that_is_asked_for(site: Path, dark: Any) -> None:
    open_page(dark, site, "concepts/characters--bolt")
    assert dark.locator("#play").inner_text() == "Play"  # prefers-reduced-motion
    dark.wait_for_function("document.querySelector('#target video').readyState >= 2")
    assert dark.evaluate("document.querySelector('#target video').paused")
    assert dark.locator("#attacks video[src]").count() < dark.locator("#attacks video").count()
    dark.locator("#attempts").scroll_into_view_if_needed()
    dark.wait_for_function("document.querySelector('.thumbs video').readyState >= 2")


def test_sorting_by_click_and_by_keyboard(site: Path, tab: Any) -> None:
    open_page(tab, site, "index")
    start = names(tab, "encoders")
    head = tab.locator("table[data-table=encoders] th", has=tab.locator("[data-key=encoder]"))
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert [n.split()[0] for n in names(tab, "encoders")] == ["bolt", "both", "p-17"]
    head.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert [n.split()[0] for n in names(tab, "encoders")] == ["p-17", "both", "bolt"]
    tab.keyboard.press("Tab")  # the next heading is a button, too
    tab.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "none" and "encoders.sort=list" in tab.url
    assert sorted(names(tab, "encoders")) == sorted(start)


def test_numbers_sort_as_numbers_and_what_is_missing_comes_last(site: Path, tab: Any) -> None:
    open_page(tab, site, "concepts/characters--bolt")
    button = tab.locator("table[data-table=numbers] [data-key=after]")
    values = f"({ALL})('table[data-table=numbers] tbody td:nth-child(5)').map(cell => Number(cell.dataset.v))"
    button.click()
    down = tab.evaluate(values)
    button.click()
    up = tab.evaluate(values)
    assert down == sorted(down, reverse=True) and up == sorted(up) and len(set(up)) > 2
    tab.locator("table[data-table=numbers] [data-key=before]").click()
    before = tab.locator("table[data-table=numbers] tbody td:nth-child(4)").all_inner_texts()
    assert before[-1] == "–" and before[0] == "100 %"


def test_filtering_and_a_link_that_brings_the_same_rows(site: Path, tab: Any, browser: Any) -> None:
    open_page(tab, site, "concepts/characters--both--boo")
    rows = tab.locator("table[data-table=attempts] tbody tr")
    assert rows.count() == 4
    tab.locator("form[data-for=attempts] [name=attack]").select_option("Other words")
    assert rows.count() == 2
    tab.locator("form[data-for=attempts] [name=q]").fill("PHOTO de")
    assert rows.count() == 1 and "1 of 4" in tab.locator("form[data-for=attempts] output").inner_text()
    tab.locator("table[data-table=numbers] [data-key=n]").click()
    link = tab.url
    assert "attempts.attack=Other+words" in link and "numbers.sort=-n" in link
    tab.reload()
    tab.wait_for_selector("html[data-ready]")
    assert rows.count() == 1 and tab.url == link
    other = browser.new_page()
    other.goto(link)
    other.wait_for_selector("html[data-ready]")
    assert other.locator("table[data-table=attempts] tbody tr").count() == 1
    assert other.locator("form[data-for=attempts] [name=attack]").input_value() == "Other words"
    sort = other.locator("table[data-table=numbers] th", has=other.locator("[data-key=n]")).get_attribute("aria-sort")
    assert sort == "descending"
    other.close()
    tab.locator("form[data-for=attempts] [name=q]").fill("nowhere")
    assert "Nothing matches." in rows.inner_text()
    tab.locator("form[data-for=attempts] [type=reset]").click()
    assert rows.count() == 4 and "attempts." not in tab.url and "numbers.sort=-n" in tab.url


TOP = "document.getElementById('{}').getBoundingClientRect().top"


def test_an_anchor_is_scrolled_to_and_keeps_what_is_filtered(site: Path, tab: Any) -> None:
    open_page(tab, site, "concepts/characters--bolt", "#numbers?numbers.modality=videos")
    at_end = "scrollY + innerHeight >= document.body.scrollHeight - 2"
    tab.wait_for_function(f"{TOP.format('numbers')} < 400 || {at_end}")
    count = tab.locator("table[data-table=numbers] tbody tr").count()
    tab.locator("nav.bar a[href='#attacks']").click()
    tab.wait_for_function("location.hash.startsWith('#attacks?')")
    assert tab.locator("table[data-table=numbers] tbody tr").count() == count == 3
    open_page(tab, site, "concepts/characters--bolt", "#target-video-2")
    tab.wait_for_function(f"{TOP.format('target-video-2')} >= 0 && {TOP.format('target-video-2')} < 700")


def test_a_verdict_and_a_bubble_lead_to_their_encoders(site: Path, tab: Any) -> None:
    open_page(tab, site, "index")
    tab.locator("a.count", has_text="fail").click()
    tab.wait_for_function("document.querySelectorAll('table[data-table=encoders] tbody tr').length === 2")
    assert tab.locator("form[data-for=encoders] [name=verdict]").input_value() == "fail"
    tab.locator("form[data-for=encoders] [type=reset]").click()
    bubble = tab.locator("svg a[href*=spot]").first
    count = int(bubble.locator("text").text_content())
    bubble.click()
    tab.wait_for_function(f"document.querySelectorAll('table[data-table=encoders] tbody tr').length === {count}")
    assert "one place of the plot" in tab.locator("form[data-for=encoders] output").inner_text()


def test_definitions_come_on_hover_and_on_focus_and_go_with_escape(site: Path, tab: Any) -> None:
    open_page(tab, site, "concepts/characters--bolt")
    tip = tab.locator("#tip")
    assert not tip.is_visible()
    tab.locator("table[data-table=numbers] .term", has_text="Near").first.hover()
    assert tip.inner_text().startswith("Near. Share of neighbouring concepts' prompts")
    tab.keyboard.press("Escape")
    assert not tip.is_visible()
    term = tab.locator("#target .term")
    tab.mouse.move(0, 0)  # focus scrolls the page, and the pointer would leave one term and enter another
    term.focus()
    assert tip.is_visible() and "Lower is better." in tip.inner_text()
    assert term.get_attribute("aria-describedby") == "tip"
    open_page(tab, site, "index")
    tab.locator("table[data-table=encoders] td.r").first.hover()
    assert "95 % interval" in tab.locator("#tip").inner_text()


def test_the_keyboard_reaches_everything_in_order_and_shows_where_it_is(site: Path, tab: Any) -> None:
    open_page(tab, site, "index")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip" and tab.locator(".skip").bounding_box()["x"] >= 0
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.getAttribute('href')") == "#trade-off"
    assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert tab.evaluate(f"({ALL})('[tabindex]').filter(one => one.tabIndex > 0).length") == 0  # none jumps the queue
    assert tab.locator("th[aria-sort] button").count() == tab.locator("th[aria-sort]").count() > 10


def test_print_shows_strips_for_videos_and_every_row(site: Path, many: Path, tab: Any) -> None:
    open_page(tab, site, "concepts/characters--bolt")
    tab.emulate_media(media="print")
    assert not tab.locator("#target video").first.is_visible() and tab.locator("#target .strip").first.is_visible()
    assert not tab.locator("nav.bar").is_visible() and not tab.locator(".controls").first.is_visible()
    assert tab.pdf(format="A4").startswith(b"%PDF")
    open_page(tab, many, "index")
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.locator("table[data-table=encoders] tbody tr").count() == 1000
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    assert tab.locator("table[data-table=encoders] tbody tr").count() == 50


def test_a_thousand_concepts_are_shown_fifty_at_a_time(many: Path, tab: Any) -> None:
    open_page(tab, many, "index")
    rows = tab.locator("table[data-table=encoders] tbody tr")
    assert rows.count() == 50
    tab.locator("[data-key=image-near]").click()
    tab.locator("nav.pager[data-for=encoders] button", has_text="Next").click()
    assert rows.count() == 50 and "51–100 of 1,000" in tab.locator("nav.pager[data-for=encoders]").inner_text()
    tab.locator("form[data-for=encoders] [name=q]").fill("number 777")
    assert rows.count() == 1 and "concept-0777" in rows.inner_text()
    open_page(tab, many, "index", "#encoders?encoders.list=list-3&encoders.page=2")
    assert rows.count() == 50 and "51–100 of 100" in tab.locator("nav.pager[data-for=encoders]").inner_text()
    open_page(tab, many, "lists/list-3")
    assert tab.locator(".card").count() == 24 and tab.locator("video[src]").count() < 48


def test_without_scripts_the_pages_still_say_everything(site: Path, browser: Any) -> None:
    page = (context := browser.new_context(java_script_enabled=False)).new_page()
    page.goto((site / "index.html").as_uri())
    assert page.locator("table[data-table=encoders] tbody tr").count() == 3
    assert page.locator("#definitions dt").count() > 5 and not page.locator(".controls").first.is_visible()
    context.close()
