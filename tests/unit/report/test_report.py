"""The report from a made-up run: what it shows, what it must not show, and that its links lead somewhere."""

import json
import re
from dataclasses import asdict, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest

from expunge.concepts.samples import PlannedSample, read_planned
from expunge.core.digest import Fingerprint
from expunge.core.files import to_json
from expunge.plan.contract import Plan, PlannedBase
from expunge.plan.sealed import closed_plan
from expunge.report import Run, chart, numbers, open_verdicts, write_sheets, write_site
from expunge.report.attempts import attempts_of, strongest
from expunge.report.gate_rows import gate_counts
from expunge.verdicts.frame_curves import FramePoint
from expunge.verdicts.rates import Rate
from expunge.verdicts.statistics import wilson
from expunge.verdicts.verdict_file import Reason, Verdict
from tests.support.made_run import SECRET, VEIL, make_many, make_run, share


class Links(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.urls += [str(found[key]) for key in ("src", "data-src", "href") if found.get(key)]
        self.ids += [str(found["id"])] if "id" in found else []


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    build = tmp_path_factory.mktemp("run") / "build"
    made = make_run(build)
    write_sheets(build / "report" / "sheets", made)
    return write_site(build / "report", made).parent, made


def pages(folder: Path) -> dict[str, str]:
    return {file.relative_to(folder).as_posix(): file.read_text("utf-8") for file in sorted(folder.rglob("*.html"))}


def page(run: tuple[Path, Run], name: str) -> str:
    return (run[0] / "concepts" / f"{name}.html").read_text("utf-8")


def test_there_is_a_page_for_every_list_encoder_and_joint_concept(run: tuple[Path, Run]) -> None:
    assert set(pages(run[0])) == {
        "index.html", "lists/characters.html", "lists/people.html", "concepts/characters--bolt.html",
        "concepts/characters--both.html", "concepts/characters--both--bolt.html",
        "concepts/characters--both--boo.html", "concepts/people--p-17.html",
    }  # fmt: skip


def test_every_link_leads_to_a_file_inside_build_and_every_anchor_to_an_id(run: tuple[Path, Run]) -> None:
    folder, count = run[0], 0
    for name, html in pages(folder).items():
        links, file = Links(html), folder / name
        assert len(set(links.ids)) == len(links.ids), name
        for url in links.urls:
            path, _, anchor = url.partition("#")
            if url.startswith("data:"):
                continue
            if path:
                target = file.parent / unquote(path)
                assert target.is_file() and target.resolve().is_relative_to(folder.parent.resolve()), (name, url)
                count += 1
            elif anchor:
                assert anchor.split("?")[0] in links.ids, (name, url)
    assert count > 100


def test_an_encoders_page_links_its_record_and_says_by_whom_it_is_signed(run: tuple[Path, Run], tmp_path: Path) -> None:
    assert "Record</a>" not in page(run, "characters--bolt")
    _, made = run
    record = tmp_path / "report" / "records" / "characters--bolt.json"
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    told = replace(made, records={"characters/bolt": record}, signed={"characters/bolt": "signed by <the team>"})
    folder = write_site(tmp_path / "report", told).parent
    html = (folder / "concepts" / "characters--bolt.html").read_text("utf-8")
    assert '<a href="../records/characters--bolt.json">Record</a> (JSON): signed by &lt;the team&gt; when' in html
    assert "Record</a>" not in (folder / "concepts" / "characters--both.html").read_text("utf-8")


def test_nothing_is_asked_of_a_network(run: tuple[Path, Run]) -> None:
    for file in run[0].rglob("*"):
        if file.suffix in (".html", ".css", ".js"):
            text = file.read_text("utf-8")
            assert not re.search(r"https?://|//[a-z]+\.|fetch\(|XMLHttpRequest|@import|type=.?module", text), file


def test_text_is_escaped(run: tuple[Path, Run]) -> None:
    html = "".join(pages(run[0]).values())
    assert "alert(&#34;x&#34;)" in html and "<script>alert" not in html
    assert "Characters &lt;b&gt;" in html and "Characters <b>" not in html


def test_a_confidential_concept_shows_its_id_and_rates_alone_anywhere(run: tuple[Path, Run]) -> None:
    folder, made = run
    own = page(run, "people--p-17")
    assert "p-17" in own and "Confidential" in own and "Near" in own and "asr" not in own.split("<h2")[0]
    for name, html in pages(folder).items():
        for word in SECRET:  # also as another's neighbour, in its prompts and attacks, in a list's title, in a reason
            assert word not in html.casefold(), (name, word)
        assert not re.search(r"(renders|fewshot|attacks)/(original/)?people", html), name
    assert "<img" not in own and "<video" not in own and "une photo de" not in own
    assert not [file for file in (folder / "sheets").iterdir() if file.name.startswith("people")]
    told = json.dumps({n: asdict(v) for n, v in open_verdicts(made).items()}).casefold()
    assert "people/p-17" in told and not any(word in told for word in SECRET)
    for file in folder.rglob("*"):  # data files, too
        if file.suffix in (".js", ".json", ".csv"):
            assert not any(word in file.read_text("utf-8").casefold() for word in SECRET), file


def test_rates_stand_before_and_after_with_their_intervals(run: tuple[Path, Run]) -> None:
    html = (run[0] / "index.html").read_text("utf-8")
    assert re.search(r'data-ci="2 0 66"><i>100</i>0</td>', html)  # target, pictures: 0 of 2
    assert re.search(r'data-ci="2 34 100"><i>100</i>100</td>', html)  # far
    own = page(run, "characters--bolt")
    assert "34.2–100 %" in own and "123,456 parameters" in own and "0.0425" in own


def test_a_joint_encoder_pairs_the_prompts_that_it_has(run: tuple[Path, Run]) -> None:
    html = page(run, "characters--both--bolt")
    after = "../../renders/characters/both/characters--bolt/image-0-001.png"
    assert html.index("../../renders/original/characters/bolt/image-0-001.png") < html.index(after)
    assert "both/characters--bolt/image-0-000.png" not in html
    assert "Near is low for characters/both." in page(run, "characters--both")


def test_attacks_stand_on_the_concepts_page_strongest_first(run: tuple[Path, Run]) -> None:
    tries = attempts_of(run[1], "characters/both")
    assert set(tries) == {"characters/bolt", "characters/boo"}
    assert [a.attack for a in tries["characters/boo"]] == ["inversion", "replay", "words", "words"]  # none names p-17
    assert [a.attack for a in strongest(tries["characters/boo"], 3)] == ["inversion", "replay", "words"]
    html = page(run, "characters--both--boo")
    assert "1 of 4 brought the concept back" in html and "une photo de boo" in html and "Textual inversion" in html
    assert "before: not measured" in html  # the replay has no picture before


def test_a_site_without_attacks_verdicts_and_rates_says_that_they_are_not_measured(tmp_path: Path) -> None:
    made = make_run(tmp_path / "build")
    bare = replace(made, rates=[], verdicts={}, seconds={}, changed_parameters={}, attacks=tmp_path / "none")
    write_site(tmp_path / "report", bare)
    html = (tmp_path / "report" / "index.html").read_text("utf-8")
    assert html.count("Not measured.") >= 4 and "not measured" in html
    own = (tmp_path / "report" / "concepts" / "characters--bolt.html").read_text("utf-8")
    assert own.count("Not measured.") == 2 and "not measured" in own
    assert "Not known on this machine." in html and "<dd>not known on this machine</dd>" in own


def test_an_empty_run_has_a_site_and_the_same_run_the_same_one(run: tuple[Path, Run], tmp_path: Path) -> None:
    folder, made = run
    before = pages(folder)
    write_site(folder, made)
    assert pages(folder) == before
    plan = Plan(PlannedBase("emoji", Fingerprint(), Fingerprint(), "cpu", "float32", 8), {}, {}, {}, {}, {}, {})
    empty = Run(plan, [], {}, [], *(tmp_path / name for name in ("renders", "fewshot", "attacks")))
    assert "Verdict" in write_site(tmp_path / "report", empty).read_text("utf-8")
    assert write_sheets(tmp_path / "report" / "sheets", empty) == []


def test_a_thousand_concepts_stay_small(tmp_path: Path) -> None:
    made = make_many(tmp_path / "build", 1000)
    index = write_site(tmp_path / "build" / "report", made)
    assert index.stat().st_size < 1_500_000
    html = pages(tmp_path / "build" / "report")
    assert len(html) == 1 + 10 + 1000 and html["index.html"].count("data-verdict") == 1000
    assert html["index.html"].count("<circle") <= 2 * chart.STEPS**2 and "<video" not in html["index.html"]
    assert max(len(text) for name, text in html.items() if name != "index.html") < 250_000


def test_attacks_are_pooled_over_encoders_not_averaged(run: tuple[Path, Run]) -> None:
    some = [share("l", e, "", "image", "asr:words", k, n) for e, k, n in (("a", 1, 1), ("b", 0, 19))]
    (cell,) = numbers.attacks_overall(replace(run[1], rates=some))
    assert (cell.value, cell.n) == (0.05, 20) and (cell.low, cell.high) == wilson(1, 20)


def test_nothing_before_and_nothing_after_is_grey_and_says_so(run: tuple[Path, Run], tmp_path: Path) -> None:
    never = replace(share("characters", "bolt", "", "image", "target", 0, 2), before=0.0)
    assert numbers.cell(never).never and numbers.cell(never).good is None
    assert not numbers.cell(replace(never, before=1.0)).never  # forgotten
    assert not numbers.cell(replace(never, metric="near")).never  # never kept is no pass
    write_site(tmp_path / "report", replace(run[1], rates=[never]))
    html = (tmp_path / "report" / "index.html").read_text("utf-8")
    assert '<td class="r never" data-v=0' in html and "<i>0</i>0<small>never seen</small>" in html


def gate(**more: Any) -> Reason:
    usual: dict[str, Any] = {
        "concept": "", "modality": "image", "metric": "target", "threshold": "<= 0.05", "required": True, "n": 8,
        "verdict": "pass", "text": "Gone.", "value": 0.0, "low": 0.0, "high": 0.3, "before": 1.0,
    }  # fmt: skip
    return Reason(**{**usual, **more})


def test_gates_are_counted_as_sure_not_sure_and_empty(run: tuple[Path, Run], tmp_path: Path) -> None:
    unknown = gate(verdict="not measured", value=None, low=None, high=None, n=0, before=None)
    some = [gate(sure=True), gate(), gate(before=0.0, n=1, empty=True), gate(before=0.0, empty=True), unknown]
    assert gate_counts(some) == {"sure": 1, "not sure": 1, "empty": 2, "not measured": 1}
    assert gate_counts([]) == {}
    one = {"characters/bolt": Verdict("pass", True, "", tuple(some))}
    write_site(tmp_path / "report", replace(run[1], verdicts=one))
    for name in ("index.html", "concepts/characters--bolt.html"):
        text = re.sub(r"<[^>]+>", "", (tmp_path / "report" / name).read_text("utf-8"))
        assert "Of 5 gates: 1 sure, 1 not sure, 2 empty, 1 not measured." in text
    own = (tmp_path / "report" / "concepts" / "characters--bolt.html").read_text("utf-8")
    assert own.count("n &lt; 5</span>") == 1 and "1 with n &lt; 5" in own and own.count("empty</td>") == 2
    assert "if it failed, so would <code>expunge gate</code>" in own and "params.yaml" not in own


def test_a_joint_encoders_passes_are_folded_concept_by_concept(run: tuple[Path, Run], tmp_path: Path) -> None:
    some = [gate(concept=c, verdict=v, text=f"{c}: Says.") for c, v in (("boo", "fail"), ("bolt", "pass"))]
    one = {"characters/both": Verdict("fail", True, "", tuple(some))}
    write_site(tmp_path / "report", replace(run[1], verdicts=one))
    html = (tmp_path / "report" / "concepts" / "characters--both.html").read_text("utf-8")
    assert '"reasons-boo"' in html and html.index("<summary>1 pass") < html.index('"reasons-bolt-pass"')
    assert "boo: Says." in html
    own = (tmp_path / "report" / "concepts" / "characters--both--boo.html").read_text("utf-8")
    assert "Says." in own and "boo: Says." not in own


def test_a_plot_says_which_encoders_it_lacks(run: tuple[Path, Run], tmp_path: Path) -> None:
    rates = [r for r in run[1].rates if r.encoder != "both" or r.modality != "image"]
    html = write_site(tmp_path / "report", replace(run[1], rates=rates)).read_text("utf-8")
    assert "2 of 3 encoders; not both: they have no target" in html
    moving = {name: replace(concept, kind="motion") for name, concept in run[1].plan.concepts.items()}
    plan = replace(run[1].plan, concepts=moving)
    html = write_site(tmp_path / "report", replace(run[1], rates=rates, plan=plan)).read_text("utf-8")
    assert "not both: a motion cannot be seen in a picture" in html


def test_what_the_judge_saw_in_all_samples_stands_beside_a_few_of_them(run: tuple[Path, Run]) -> None:
    assert "pictures 100 % → 0 % (n = 2), videos 100 % → 0 % (n = 2)" in page(run, "characters--bolt")


def test_overall_counts_each_encoder_once(run: tuple[Path, Run]) -> None:
    of = [("a", 0.0, 90, 1.0), ("b", 0.5, 2, 0.5)]
    some = replace(run[1], rates=[Rate("l", e, "", "image", "target", v, 0, 1, n, before) for e, v, n, before in of])
    (cell,) = numbers.overall(some, [("image", "target")], ["l/a", "l/b"])
    assert cell is not None and (cell.value, cell.before, cell.n) == (0.25, 0.75, 92)


def test_a_page_names_members_probes_and_what_the_list_keeps(run: tuple[Path, Run], tmp_path: Path) -> None:
    made, plan = run[1], run[1].plan
    arms = replace(plan.concepts["characters/bolt"], members=("a rifle", "mira holt"), probes=("a sabre",))
    kept = replace(plan.lists["characters"], keep=("the redhead", *(f"kept {i}" for i in range(29))))
    new = replace(
        plan, concepts={**plan.concepts, "characters/bolt": arms}, lists={**plan.lists, "characters": kept}
    )  # fmt: skip
    folder = write_site(tmp_path / "report", replace(made, plan=closed_plan(new, VEIL))).parent
    text = (folder / "concepts" / "characters--bolt.html").read_text("utf-8")
    assert "<dt>members</dt><dd>a rifle</dd>" in text and "<dt>only tested</dt><dd>a sabre</dd>" in text
    assert "<dt>kept by the list</dt><dd>kept 0, kept 1, " in text and "kept 18 and 10 more</dd>" in text
    assert not any(word in text.lower() for word in SECRET)
    assert "kept by the list" not in page(run, "characters--bolt")


def test_in_company_a_pair_says_of_both_what_the_judge_saw(tmp_path: Path) -> None:
    made = make_run(tmp_path / "build")
    beside = [replace(row, group="beside") if row.group == "near" else row for row in _prompts(made, "characters/boo")]
    for unit in ("original/characters/boo", "characters/both/characters--boo"):
        (made.renders / unit / "prompts.json").write_text(to_json(msgspec.to_builtins(beside)))
    own = {(s.modality, s.prompt, s.seed) for s in beside if s.group == "beside"}
    rows = [
        {**row, "group": "beside", "metric": metric, "value": float(metric == "seen" or row["encoder"] == "original")}
        for row in made.rows for metric in ("seen", "target_seen")
        if row["concept"] == "boo" and (row["modality"], row["prompt"], row["seed"]) in own
    ]  # fmt: skip
    rates = [replace(share("characters", "both", "boo", "image", metric, 1, 2), before=1.0) for metric in
             ("beside", "beside_target")]  # fmt: skip
    write_site(tmp_path / "build/report", replace(made, rows=[*made.rows, *rows], rates=[*made.rates, *rates]))
    html = (tmp_path / "build/report/concepts/characters--both--boo.html").read_text("utf-8")
    part = html.split('<section id="beside"')[1].split("</section>")[0]
    assert "the companion: pictures 100 % → 50 % (n = 2); the concept: pictures 100 % → 50 % (n = 2)" in part
    assert part.count("the concept: seen") == part.count("the concept: not seen") == part.count("<figure") == 4
    assert "the concept: " not in html.split('<section id="far"')[1].split("</section>")[0]


def test_a_page_has_the_curve_over_frames_where_there_is_one(tmp_path: Path) -> None:
    made = make_run(tmp_path / "build")
    curves = [FramePoint("people", "p-17", "", i, i / 3, 0.0, 1.0, 3, 1.0) for i in range(4)]
    curves += [FramePoint("characters", "both", "boo", 0, 0.0, 0.0, 1.0, 1, None)]
    folder = write_site(tmp_path / "build/report", replace(made, curves=curves)).parent / "concepts"
    secret, boo, bolt = ((folder / f"{name}.html").read_text("utf-8") for name in (
        "people--p-17", "characters--both--boo", "characters--bolt",
    ))  # fmt: skip
    assert "frame 2: 100 % → 33 % of 3 videos" in secret and 'href="#frames"' in secret
    assert "1 video." in boo and "polyline" in boo and 'class="before"' not in boo
    assert "frames-h" not in bolt


def _prompts(made: Run, concept: str) -> list[PlannedSample]:
    return read_planned(made.renders / "original" / concept / "prompts.json")
