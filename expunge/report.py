"""The report: one static HTML page about a run, with its videos; it opens from disk and asks nothing of a network.

    page = Page(plan, summary, base, rows, renders=Path("build/renders"), fewshot=Path("build/fewshot"), links={...})
    write_report(Path("build/report"), page)

The page links pictures and videos relative to its own folder, so `build/` can be moved or sent as a whole. A
confidential concept shows its id and its rates: no name, no prompt, no picture.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from expunge.metrics import (
    FORGET,
    GROUPS,
    MODALITIES,
    ORIGINAL,
    Row,
    confidential_words,
    is_withheld,
    pair_of,
    write_aside,
)

GROUP_WORDS = {
    "target": "the concept itself: must be gone",
    "aliases": "other words for it: must be gone",
    "near": "near concepts: must stay",
    "far": "far concepts: must stay",
    "sense": "the other sense of the word: must stay",
}


@dataclass(frozen=True)
class Page:
    """What a report tells; paths as the caller sees them."""

    plan: Mapping[str, Any]  # build/plan/index.json
    summary: Mapping[str, Any]  # metrics/summary.json
    base: Mapping[str, Any]  # metrics/base.json
    rows: Sequence[Row]  # of build/scores/scores.parquet
    renders: Path
    fewshot: Path
    links: Mapping[str, Path] = field(default_factory=dict)  # label -> file
    title: str = "What the models forgot"
    samples: int = 4  # per concept, group and modality


def write_report(folder: Path, page: Page) -> Path:
    """Write `folder`/index.html and return it."""
    html = render_html(folder, page)
    write_aside(folder / "index.html", lambda part: part.write_text(html, "utf-8"))
    return folder / "index.html"


def render_html(folder: Path, page: Page) -> str:
    """The page's HTML, with links relative to `folder`."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).parent / "templates")
    environment = Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    environment.filters["percent"] = lambda rate: "" if rate is None else f"{round(100 * rate)}"
    lists = [_list(folder, page, name) for name in sorted(page.plan["lists"])]
    modalities = [m for m in MODALITIES if any(m in e for e in page.summary["encoders"].values())]
    groups = {m: [g for g in GROUPS if any(g in e.get(m, {}) for e in page.summary["encoders"].values())]
              for m in modalities}  # fmt: skip
    return environment.get_template("report.html.j2").render(
        title=page.title, base=page.plan["base"]["name"], lists=lists, modalities=modalities, groups=groups,
        group_words=GROUP_WORDS, overall=_cells(page.summary["overall"], page.base["overall"], modalities, groups),
        counts={"lists": len(lists), "concepts": len(page.plan["concepts"]), "encoders": len(page.plan["encoders"])},
        seconds=page.summary["overall"].get("seconds"),
        links=[{"label": label, "url": _url(folder, path)} for label, path in page.links.items()],
        totals=[len(groups[m]) for m in modalities],
    )  # fmt: skip


def _list(folder: Path, page: Page, name: str) -> dict[str, Any]:
    entry = page.plan["lists"][name]
    modalities = [m for m in MODALITIES if any(m in e for e in page.summary["encoders"].values())]
    groups = {m: [g for g in GROUPS if any(g in e.get(m, {}) for e in page.summary["encoders"].values())]
              for m in modalities}  # fmt: skip
    encoders = [_encoder(folder, page, f"{name}/{e}", modalities, groups) for e in entry["encoders"]]
    return {"id": name, "title": entry.get("title") or name, "owner": entry.get("owner") or "", "encoders": encoders}


def _encoder(
    folder: Path, page: Page, name: str, modalities: Sequence[str], groups: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    entry = page.plan["encoders"][name]
    after, before = page.summary["encoders"].get(name, {}), page.base["encoders"].get(name, {})
    return {
        "name": name,
        "id": name.split("/", 1)[1],
        "anchor": name.replace("/", "--"),
        "joint": len(entry["concepts"]) > 1,
        "method": entry.get("method"),
        "seconds": after.get("seconds"),
        "changed": after.get("changed_parameters"),
        "cells": _cells(after, before, modalities, groups),
        "concepts": [_concept(folder, page, name, concept) for concept in entry["concepts"]],
    }


def _cells(
    after: Mapping[str, Any], before: Mapping[str, Any], modalities: Sequence[str], groups: Mapping[str, Sequence[str]]
) -> list[dict[str, Any]]:
    """One cell of a table row per modality and group. `good` in [0, 1]: 1 - rate where it must go, the share of what
    the original showed where it must stay."""
    cells = []
    for modality in modalities:
        for group in groups[modality]:
            new, old = after.get(modality, {}).get(group), before.get(modality, {}).get(group)
            good = None
            if new is not None:
                good = 1 - new if group in FORGET else min(1.0, new / old) if old else new
            cells.append({"modality": modality, "group": group, "before": old, "after": new, "good": good})
    return cells


def _concept(folder: Path, page: Page, encoder: str, name: str) -> dict[str, Any]:
    """A concept's part of an encoder's section: who it is, its few-shot images and its pairs, group by group."""
    concept = page.plan["concepts"][name]
    list_, id_ = name.split("/", 1)
    if concept.get("confidential"):
        return {"id": id_, "confidential": True}
    old, new = page.renders / ORIGINAL / list_ / id_, _unit(page, encoder, name)
    words = confidential_words(page.plan["concepts"])
    files = {pair_of(row): row["file"] for row in _rows(old)}
    seen = {(r["encoder"], *pair_of(r)): r["value"] for r in page.rows
            if r["metric"] == "seen" and (r["list"], r["concept"]) == (list_, id_)}  # fmt: skip
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in _rows(new):
        some = found.setdefault((row["group"], row["modality"]), [])
        texts, pair = (row["prompt"], row["asks"]["name"]), pair_of(row)
        if len(some) >= page.samples or pair not in files or is_withheld(concept, row["group"], texts, words):
            continue
        suffix = ".mp4" if row["modality"] == "video" else ".png"
        some.append({
            "prompt": row["prompt"], "asked": row["asks"]["name"], "seed": row["seed"],
            "before": _url(folder, (old / files[pair]).with_suffix(suffix)),
            "after": _url(folder, (new / row["file"]).with_suffix(suffix)),
            "saw_before": seen.get((ORIGINAL, *pair)),
            "saw_after": seen.get((encoder.split("/", 1)[1], *pair)),
        })  # fmt: skip
    shown = [
        {"group": group, "forget": group in FORGET,
         "parts": [{"modality": m, "pairs": found[group, m]} for m in reversed(MODALITIES) if found.get((group, m))]}
        for group in GROUPS
    ]  # fmt: skip
    fewshot = sorted((page.fewshot / list_ / id_).glob("image-*.png"))
    return {
        "id": id_,
        "confidential": False,
        "name": concept["name"],
        "kind": concept["kind"],
        "aliases": _open(concept.get("aliases", ()), words),
        "neighbours": _open(concept.get("neighbours", ()), words),
        "anchor": (_open([concept.get("anchor") or ""], words) or [""])[0],
        "fewshot": [_url(folder, file) for file in fewshot],
        "groups": [group for group in shown if group["parts"]],
    }


def _open(texts: Sequence[str], words: Sequence[str]) -> list[str]:
    """The texts that name no confidential concept."""
    return [text for text in texts if not is_withheld({}, "", (text,), words)]


def _unit(page: Page, encoder: str, concept: str) -> Path:
    """build/renders/<list>/<encoder>/<list>--<concept>, or .../<concept> where the concept's list is left out."""
    folder = page.renders / encoder
    long = folder / concept.replace("/", "--")
    return long if long.is_dir() else folder / concept.split("/", 1)[1]


def _rows(folder: Path) -> list[dict[str, Any]]:
    file = folder / "prompts.json"
    return json.loads(file.read_text("utf-8")) if file.is_file() else []


def _url(folder: Path, path: Path) -> str:
    return quote(Path(os.path.relpath(path, folder)).as_posix())
