"""The summary against values worked out by hand."""

import csv
from pathlib import Path

from expunge.core.files import write_csv
from expunge.verdicts.rates import Rate
from expunge.verdicts.summary import PLOT_COLUMNS, plot_rows, summarise


def rate(name: str, modality: str, metric: str, value: float, before: float | None = None, concept: str = "") -> Rate:
    list_, encoder = name.split("/")
    return Rate(list_, encoder, concept, modality, metric, value, None, None, 4, before)


def test_the_summary_has_encoders_lists_and_overall() -> None:
    rates = [
        rate("l/a", "image", "target", 0.0, 1.0), rate("l/a", "image", "ESR-1", 1.0, 0.0),
        rate("l/b", "image", "target", 1.0, 1.0), rate("l/b", "image", "aliases", 1.0, 0.0),
        rate("l/joint", "image", "target", 1 / 3, 1.0), rate("l/joint", "image", "target", 0.9, 1.0, concept="a"),
        rate("l/joint", "text", "target", 0.5), rate("m/c", "video", "far", 1.0),
    ]  # fmt: skip
    summary = summarise(rates, ["m/c", "l/a", "l/b", "l/joint", "m/none"], {"l/a": 7})
    assert list(summary["encoders"]) == ["l/a", "l/b", "l/joint", "m/c", "m/none"]
    assert summary["encoders"] == {
        "l/a": {"image": {"target": 0.0}, "changed_parameters": 7},
        "l/b": {"image": {"target": 1.0, "aliases": 1.0}},
        "l/joint": {"image": {"target": 0.3333}},
        "m/c": {"video": {"far": 1.0}},
        "m/none": {},
    }
    assert summary["lists"]["l"] == {"image": {"target": 0.4444, "aliases": 1.0}, "encoders": 3}
    assert summary["lists"]["m"] == {"video": {"far": 1.0}, "encoders": 2}
    assert summary["overall"]["image"] == {"target": 0.4444, "aliases": 1.0}
    base = summarise(rates, ["l/a", "l/b", "l/joint", "m/c"], original=True)
    assert base["encoders"]["l/a"] == {"image": {"target": 1.0}}
    assert base["encoders"]["l/b"] == {"image": {"target": 1.0, "aliases": 0.0}}
    assert base["encoders"]["m/c"] == {}
    assert "seconds" not in f"{summary}{base}"  # they differ from run to run


def test_a_release_has_an_entry_of_its_own_and_is_in_no_mean() -> None:
    rates = [
        rate("l/a", "image", "target", 0.0, 1.0), rate("releases/all", "image", "target", 1.0, 0.5),
        rate("releases/all", "image", "general", 0.75, 0.8), rate("releases/all", "image", "general_kept", 0.9),
    ]  # fmt: skip
    summary = summarise(rates, ["l/a", "releases/all"], {"releases/all": 9})
    assert summary["releases"] == {
        "all": {"image": {"target": 1.0, "general": 0.75, "general_kept": 0.9}, "changed_parameters": 9}
    }
    assert list(summary["encoders"]) == ["l/a"] and list(summary["lists"]) == ["l"]
    assert summary["overall"] == {"image": {"target": 0.0}, "encoders": 1}
    assert summarise(rates, ["l/a", "releases/all"], original=True)["releases"] == {
        "all": {"image": {"target": 0.5, "general": 0.8}}
    }
    assert [row["name"] for row in plot_rows(summary)] == ["l/a", "releases/all"]


def test_plot_rows_by_hand() -> None:
    entry = {"image": {"target": 0.25, "near": 1.0, "far": 0.5}, "video": {"far": 0.5}}
    image, video = plot_rows({"encoders": {"l/a": entry}, "releases": {}})
    assert (image["name"], image["forgotten"], image["kept"], image["aliases"]) == ("l/a", 0.75, 0.75, "")
    assert (video["target"], video["forgotten"], video["kept"]) == ("", "", 0.5)


def test_the_csv_has_a_header_even_without_rows(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [], PLOT_COLUMNS)
    assert (tmp_path / "a.csv").read_text() == ",".join(PLOT_COLUMNS) + "\n"
    write_csv(
        tmp_path / "a.csv", plot_rows({"encoders": {"l/a": {"image": {"target": 0.0}}}, "releases": {}}), PLOT_COLUMNS
    )
    with open(tmp_path / "a.csv") as file:
        assert next(csv.DictReader(file))["forgotten"] == "1.0"
