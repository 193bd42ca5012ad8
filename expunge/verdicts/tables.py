"""Verdicts and comparisons as tables for a terminal; in a log, which has no width, lines are 160 characters long."""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from expunge.verdicts.compare import BETTER, OTHER, WORSE, Change, Comparison
from expunge.verdicts.gate import FAIL, FEW, PASS, UNMEASURED, certainty, counts

if TYPE_CHECKING:
    from rich.console import Console

COLOURS = {PASS: "green", FAIL: "red", UNMEASURED: "yellow"}
CHANGES = 20  # changes within their intervals that are shown without being asked for


def console() -> "Console":
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 160, highlight=False, markup=False)


def print_verdicts(found: Mapping[str, Mapping[str, Any]], every: bool = False, why: bool = False) -> None:
    """A row for each encoder with what does not pass.

    :param every: instead every gate, a line each. :param why: every gate in full sentences.
    """
    out = console()
    if every and not why:
        _print_gates(out, found)
    else:
        _print_reasons(out, found, why)
    total = ", ".join(f"{number} {verdict}" for verdict, number in counts(found).items())
    out.print(f"{len(found)} encoders: {total}")
    if not why:
        out.print(
            "Sure: all of the 95 % interval is on one side of the threshold. Empty: nothing to forget or to lose."
        )
        out.print("--all shows every gate in a line, --why in sentences.")


def _print_reasons(out: "Console", found: Mapping[str, Mapping[str, Any]], every: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("encoder", "verdict", "why", title_justify="left", show_lines=True)
    for name, entry in found.items():
        verdict, reasons = entry["verdict"], entry["reasons"]
        lines = [_line(reason) for reason in reasons if every or reason["verdict"] != PASS]
        if reasons:
            lines.append(_tally(reasons))
        label = Text(verdict, COLOURS[verdict])
        label.append("" if entry["required"] else " (not required)", "dim")
        table.add_row(name, label, Text("\n".join(lines or [entry.get("note", "there is no gate")])))
    out.print(table)


def _print_gates(out: "Console", found: Mapping[str, Mapping[str, Any]]) -> None:
    for name, entry in found.items():
        optional = "" if entry["required"] else " (not required)"
        told = _tally(entry["reasons"]) if entry["reasons"] else entry.get("note", "there is no gate")
        out.print(f"{name}: {entry['verdict']}{optional}: {told}", style="bold", soft_wrap=True)
        for reason in entry["reasons"]:
            out.print(f"  {_short(reason)}", style=COLOURS[reason["verdict"]], soft_wrap=True)


def _tally(reasons: Sequence[Mapping[str, Any]]) -> str:
    """ "14 of 16 gates pass: 3 sure, 9 not sure, 2 empty; 4 of the 16 have n < 5"."""
    each = [certainty(reason) for reason in reasons if reason["verdict"] == PASS]
    kinds = ", ".join(f"{each.count(kind)} {kind}" for kind in ("sure", "not sure", "empty") if kind in each)
    small = sum(0 < reason["n"] < FEW for reason in reasons)
    told = f"{len(each)} of {len(reasons)} gates pass" + (f": {kinds}" if kinds else "")
    return told + (f"; {small} of the {len(reasons)} have n < {FEW}" if small else "")


def _short(reason: Mapping[str, Any]) -> str:
    """A gate in one line, its columns aligned with those of the others."""
    where = f"{reason['modality']} {reason['metric']}" + (f" of {reason['concept']}" if reason["concept"] else "")
    value = "no value" if reason["value"] is None else _value(reason["value"], reason["low"], reason["high"])
    before = "" if reason["before"] is None else f"before {reason['before']:.3g}"
    known = "" if reason["value"] is None else certainty(reason)
    optional = "" if reason["required"] else "not required"
    line = f"{reason['verdict']:<12}  {where:<34}  {value:<22}  {reason['threshold']:<17}  {before:<13}"
    return f"{line}  n = {reason['n']:<4}  {', '.join(text for text in (known, optional) if text)}".rstrip()


def print_comparison(found: Comparison, every: bool = False) -> None:
    """A table of what is worse, one of what is better, and what is only here or only there.

    :param every: all changes within their intervals, and those of metrics of which neither way is the better.
    """
    out = console()
    for kind, title in ((WORSE, "Worse"), (BETTER, "Better"), (OTHER, "Neither better nor worse")):
        changes = found.of(kind)
        if changes and (every or kind != OTHER):
            _print_changes(out, title, changes, every)
    for title, names in (("New", found.new), ("Gone", found.gone)):
        if names:
            out.print(f"{title} encoders: {', '.join(names)}")
    for rate in found.unmeasured[: None if every else CHANGES]:
        out.print(f"No longer measured: {_where(rate)}: {rate.metric}, {rate.modality}")
    if len(found.unmeasured) > CHANGES and not every:
        out.print(f"... and {len(found.unmeasured) - CHANGES} more; --all shows them")
    worse = found.of(WORSE)
    sure = sum(bool(change.outside) for change in worse)
    out.print(f"{len(worse)} worse, {sure} of them outside the intervals; {len(found.of(BETTER))} better")


def _print_changes(out: "Console", title: str, changes: Sequence[Change], every: bool) -> None:
    from rich.table import Table

    sure = [change for change in changes if change.outside]
    shown = changes if every else [*sure, *[change for change in changes if not change.outside][:CHANGES]]
    right: Any = {"justify": "right"}
    table = Table(title=f"{title} ({len(changes)}, of them {len(sure)} outside the intervals)", title_justify="left")
    for name, options in (
        ("encoder", {"overflow": "fold"}), ("concept", {"overflow": "fold"}), ("", {}), ("metric", {}),
        ("from", right), ("to", right), ("by", right), ("outside", {}),
    ):  # fmt: skip
        table.add_column(name, **options)
    for change in shown:
        rate = change.new
        ends = [_value(each.value, each.low, each.high) for each in (change.old, rate)]
        outside = {True: "yes", False: "no", None: "no interval"}[change.outside]
        where = (f"{rate.list}/{rate.encoder}", rate.concept or rate.encoder, rate.modality, rate.metric)
        table.add_row(*where, *ends, f"{change.by:+.3g}", outside, style="bold" if change.outside else "")
    out.print(table)
    if len(shown) < len(changes):
        out.print(f"... and {len(changes) - len(shown)} more, none outside the intervals; --all shows them")


def _line(reason: Mapping[str, Any]) -> str:
    optional = "" if reason["required"] else " (not required)"
    few = f" (n = {reason['n']})" if 0 < reason["n"] < FEW else ""
    return f"{reason['verdict']}{optional}: {reason['modality']} {reason['metric']}{few}: {reason['text']}"


def _value(value: float, low: float | None, high: float | None) -> str:
    return f"{value:.3g}" + (f" ({low:.3g}-{high:.3g})" if low is not None and high is not None else "")


def _where(rate: Any) -> str:
    return f"{rate.list}/{rate.encoder}" + (f" {rate.concept}" if rate.concept else "")
