"""Verdicts as a table for a terminal: what `expunge gate` prints."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from expunge.verdicts.terminal import console, number
from expunge.verdicts.verdict_file import FAIL, FEW, PASS, UNMEASURED, Reason, Verdict, counts

if TYPE_CHECKING:
    from rich.console import Console

COLOURS = {PASS: "green", FAIL: "red", UNMEASURED: "yellow"}


def print_verdicts(verdicts: Mapping[str, Verdict], every: bool = False, why: bool = False) -> None:
    """Print a row for each encoder, with the gates that it does not pass.

    :param every: instead every gate, a line each. :param why: every gate in full sentences.
    """
    out = console()
    if every and not why:
        _print_gates(out, verdicts)
    else:
        _print_reasons(out, verdicts, why)
    total = ", ".join(f"{count} {word}" for word, count in counts(verdicts.values()).items())
    out.print(f"{len(verdicts)} encoders: {total}")
    if not why:
        out.print(
            "Sure: all of the 95 % interval is on one side of the threshold. Empty: nothing to forget or to lose."
        )
        out.print("--all shows every gate in a line, --why in sentences.")


def _print_reasons(out: "Console", verdicts: Mapping[str, Verdict], every: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("encoder", "verdict", "why", title_justify="left", show_lines=True)
    for name, verdict in verdicts.items():
        lines = [_sentence(reason) for reason in verdict.reasons if every or reason.verdict != PASS]
        label = Text(verdict.verdict, COLOURS[verdict.verdict])
        label.append("" if verdict.required else " (not required)", "dim")
        table.add_row(name, label, Text("\n".join([*lines, _total(verdict)])))
    out.print(table)


def _print_gates(out: "Console", verdicts: Mapping[str, Verdict]) -> None:
    for name, verdict in verdicts.items():
        optional = "" if verdict.required else " (not required)"
        out.print(f"{name}: {verdict.verdict}{optional}: {_total(verdict)}", style="bold", soft_wrap=True)
        for reason in verdict.reasons:
            out.print(f"  {_line(reason)}", style=COLOURS[reason.verdict], soft_wrap=True)


def _total(verdict: Verdict) -> str:
    """ "14 of 16 gates pass: 3 sure, 9 not sure, 2 empty; 4 of the 16 have n < 5", or why there is no gate."""
    reasons: Sequence[Reason] = verdict.reasons
    if not reasons:
        return verdict.note or "there is no gate"
    each = [reason.certainty for reason in reasons if reason.verdict == PASS]
    kinds = ", ".join(f"{each.count(kind)} {kind}" for kind in ("sure", "not sure", "empty") if kind in each)
    small = sum(reason.few for reason in reasons)
    text = f"{verdict.note}; " if verdict.note else ""
    text += f"{len(each)} of {len(reasons)} gates pass" + (f": {kinds}" if kinds else "")
    return text + (f"; {small} of the {len(reasons)} have n < {FEW}" if small else "")


def _line(reason: Reason) -> str:
    """A gate in one line, its columns aligned with those of the others."""
    where = f"{reason.modality} {reason.metric}" + (f" of {reason.concept}" if reason.concept else "")
    value = "no value" if reason.value is None else number(reason.value, reason.low, reason.high)
    before = "" if reason.before is None else f"before {reason.before:.3g}"
    certainty = "" if reason.value is None else reason.certainty
    optional = "" if reason.required else "not required"
    line = f"{reason.verdict:<12}  {where:<34}  {value:<22}  {reason.threshold:<17}  {before:<13}"
    return f"{line}  n = {reason.n:<4}  {', '.join(text for text in (certainty, optional) if text)}".rstrip()


def _sentence(reason: Reason) -> str:
    optional = "" if reason.required else " (not required)"
    few = f" (n = {reason.n})" if reason.few else ""
    return f"{reason.verdict}{optional}: {reason.modality} {reason.metric}{few}: {reason.text}"
