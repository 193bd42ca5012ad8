"""What differs between two tables of rates, for a terminal: what `expunge compare` prints."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from expunge.core.unit_names import Name
from expunge.verdicts.compare import BETTER, OTHER, WORSE, Change, Comparison
from expunge.verdicts.rates import Rate
from expunge.verdicts.terminal import console, number

if TYPE_CHECKING:
    from rich.console import Console

MOST = 20  # rows without an interval, and numbers no longer measured, that are shown without --all


def print_comparison(comparison: Comparison, every: bool = False, masked: Callable[[str], str] = str) -> None:
    """A table of what is worse, one of what is better, and what is in only one of the two tables.

    :param every: also what lies inside the intervals, and metrics of which neither way is better.
    :param masked: takes old ids that name confidential concepts out of a text.
    """
    out = console()
    for kind, title in ((WORSE, "Worse"), (BETTER, "Better"), (OTHER, "Neither better nor worse")):
        changes = comparison.of(kind)
        if changes and (every or kind != OTHER):
            _print_changes(out, title, changes, every, masked)
    inside = {kind: sum(change.inside for change in comparison.of(kind)) for kind in (WORSE, BETTER, OTHER)}
    if sum(inside.values()) and not every:
        words = f"{inside[WORSE]} worse, {inside[BETTER]} better"
        words += f", {inside[OTHER]} neither" if inside[OTHER] else ""
        out.print(f"Inside the intervals: {_count(sum(inside.values()), 'change')} ({words}); --all shows them")
    for title, names in (("New", comparison.new), ("Gone", comparison.gone)):
        if names:
            out.print(f"{title} encoders: {masked(', '.join(names))}")
    if comparison.lost:
        out.print(f"Lost, for a list still asks for them: {masked(', '.join(comparison.lost))}")
    for rate in comparison.unmeasured[: None if every else MOST]:
        out.print(f"No longer measured: {masked(_about(rate))}: {rate.metric}, {rate.modality}")
    if len(comparison.unmeasured) > MOST and not every:
        out.print(f"... and {len(comparison.unmeasured) - MOST} more; --all shows them")
    worse = comparison.of(WORSE)
    outside = sum(bool(change.outside) for change in worse)
    out.print(f"{len(worse)} worse, {outside} of them outside the intervals; {len(comparison.of(BETTER))} better")


def _print_changes(
    out: "Console", title: str, changes: Sequence[Change], every: bool, masked: Callable[[str], str]
) -> None:
    from rich.table import Table

    outside = [change for change in changes if change.outside]
    without = [change for change in changes if change.outside is None]
    shown = changes if every else [*outside, *without[:MOST]]
    if not shown:
        return
    right: Any = {"justify": "right"}
    title = f"{title} ({len(changes)}, of them {len(outside)} outside the intervals)"
    table = Table(title=title, title_justify="left")
    for name, options in (
        ("encoder", {"overflow": "fold"}), ("concept", {"overflow": "fold"}), ("", {}), ("metric", {}),
        ("from", right), ("to", right), ("by", right), ("outside", {}),
    ):  # fmt: skip
        table.add_column(name, **options)
    for change in shown:
        rate = change.new
        ends = [number(each.value, each.low, each.high) for each in (change.old, rate)]
        word = {True: "yes", False: "no", None: "no interval"}[change.outside]
        about = (masked(rate.name), masked(rate.concept or rate.encoder), rate.modality, rate.metric)
        table.add_row(*about, *ends, f"{change.by:+.3g}", word, style="bold" if change.outside else "")
    out.print(table)
    if not every and len(without) > MOST:
        out.print(f"... and {len(without) - MOST} more without an interval; --all shows them")


def _about(rate: Rate) -> str:
    return str(Name(rate.list, rate.encoder)) + (f" {rate.concept}" if rate.concept else "")


def _count(number_: int, what: str) -> str:
    return f"{number_:,} {what}{'' if number_ == 1 else 's'}"
