"""The command for requests: what is open, due, overdue, done and refused."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from expunge.cli.app import CONCEPTS, REQUESTS, app, count, errors_in_lines, parameters_file, printable

if TYPE_CHECKING:
    from expunge.concepts.register import Filed
    from expunge.records.requests import RequestLine

COLOURS = {"overdue": "bold red", "due": "yellow", "undecided": "yellow", "done": "green"}


@app.command()
@errors_in_lines
def requests(
    now: Annotated[
        str, typer.Option(help="As of when, as a day (its end, in UTC) or a time with its zone; default: now.")
    ] = "",
    concepts: Annotated[Path, typer.Option(help="The folder of concept lists.")] = CONCEPTS,
    registers: Annotated[
        Path | None, typer.Option(help="The folder of requests that no list holds; default: requests.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """Show every request: overdue, due, undecided, open, done (by which encoder, in which release) or refused.

    Reads the requests of the lists and of requests/, the verdicts of the last run and the log; measures nothing. A
    request is done when an encoder that forgets its concept passes, with a verdict on what the lists ask for today.

    Exit code 0: none is overdue. 1: one is. 2: bad input, or a file of metrics/ was edited by hand.
    """
    from expunge.core.errors import InputError, Problem
    from expunge.core.times import EXAMPLE, end

    try:
        moment = end(now) if now else datetime.now(UTC)
    except ValueError:
        raise InputError([Problem("--now", f"{now!r} is no day and no time with a zone", f"write {EXAMPLE}")]) from None
    lines, notes = _lines(moment, concepts, registers)
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    if as_json:
        typer.echo(json.dumps([asdict(line) for line in lines], indent=1, ensure_ascii=False))
    else:
        _print(lines)
    if any(line.state == "overdue" for line in lines):
        raise typer.Exit(1)


def _lines(moment: datetime, concepts: Path, registers: Path | None) -> "tuple[list[RequestLine], list[str]]":
    """(the requests, notes). :raises InputError: with every mistake of lists, registers and params.yaml."""
    from expunge.bases.spec import load_spec
    from expunge.concepts.lists import load_lists
    from expunge.concepts.register import problems_with_lists, read_registers
    from expunge.core.errors import InputError, Problem, shown
    from expunge.plan.asked_for import digest_of_base
    from expunge.plan.params import FILE, read_params
    from expunge.plan.release_params import require_releases
    from expunge.plan.validate_lists import list_rules
    from expunge.records.files import INDEX, LOG, read_index
    from expunge.records.log import read_log
    from expunge.records.requests import answers_of, request_lines
    from expunge.records.verify import AUDIT, METRICS
    from expunge.verdicts.recomputed import trusted_verdicts
    from expunge.verdicts.up_to_date import asked_of
    from expunge.verdicts.verdict_file import Verdict

    if registers is not None and not registers.exists():
        raise InputError([Problem(shown(registers), "is not there", "write another --registers")])
    filed, problems = read_registers(registers or REQUESTS, concepts)
    try:
        lists = load_lists(concepts, list_rules())
    except InputError as error:
        raise InputError([*problems, *error.problems]) from None
    if problems := [*problems, *problems_with_lists(filed, lists)]:
        raise InputError(problems)
    params, notes, base = parameters_file(), list[str](), ""
    if FILE.is_file():
        require_releases(FILE, concepts)
        read_params()
        try:
            base = digest_of_base(load_spec(params["base"]))
        except InputError as error:
            notes.append(f"the base was not compared with the verdicts' own: {error.problems[0].what}")
    asked, verdicts, file = asked_of(lists, params), dict[str, Verdict](), METRICS / "verdicts.json"
    if file.is_file():
        verdicts, unseen = trusted_verdicts(file, asked, base)
        notes += unseen
    else:
        notes.append(f"there is no {file.as_posix()}: nothing has run here")
    log, broken = read_log(AUDIT / LOG)
    notes += [f"{(AUDIT / LOG).as_posix()}: {each}" for each in broken]
    index = read_index(AUDIT / INDEX) if (AUDIT / INDEX).is_file() else {}
    records = {name: entry.record for name, entry in index.items()}
    lines = request_lines(lists, filed, answers_of(asked, verdicts, base, log, records), moment)
    return lines, [*notes, *_remarks(lines, filed)]


def _remarks(lines: "Sequence[RequestLine]", filed: "Sequence[Filed]") -> list[str]:
    """What the table alone would not say."""
    ids = Counter(each.id for each in filed)
    timeless = [line.request for line in lines if line.due is None and line.state in ("open", "undecided")]
    files: dict[str, dict[str, None]] = {}
    for line in lines:
        files.setdefault(line.request, {})[line.where] = None
    remarks = [
        f"the request {name} stands at {' and '.join(places)}: is that one for several, or was one left behind?"
        for name, places in files.items()
        if len({place.rpartition(":")[0] for place in places}) > 1 or ids[name] > 1  # a list may ask for several
    ]
    if timeless:
        some = ", ".join(timeless[:5]) + (f" and {len(timeless) - 5} more" if len(timeless) > 5 else "")
        remarks.append(f"without `due` nobody can tell whether they are late: {some}")
    return [printable(remark) for remark in remarks]


def _print(lines: "Sequence[RequestLine]") -> None:
    from rich.table import Table
    from rich.text import Text

    from expunge.records.requests import STATES
    from expunge.verdicts.terminal import console

    out, table = console(), Table("request", "state", "concept", "received", "due", "answered by")
    for line in lines:
        released = [f"{name} (released {when})" if when else name for name, when in line.releases.items()]
        answers = "\n".join(printable(each) for each in (*line.encoders, *released, line.why) if each)
        table.add_row(
            printable(line.request), Text(line.state, COLOURS.get(line.state, "")), line.concept, line.received or "",
            line.due or "", answers,
        )  # fmt: skip
    out.print(table)
    states = [line.state for line in lines]
    told = ", ".join(f"{states.count(state)} {state}" for state in STATES if state in states)
    out.print(f"{count(len({line.request for line in lines}), 'request')}" + (f": {told}" if told else ""))
