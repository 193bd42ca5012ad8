"""Commands for the record of what was asked, done and measured."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from expunge.cli.app import app, count, errors_in_lines


@app.command()
@errors_in_lines
def verify(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders of encoders, files of weights, or repositories; default: this repository."),
    ] = None,
    repository: Annotated[Path, typer.Option(help="Where audit/, metrics/ and dvc.lock lie.")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print findings as JSON.")] = False,
) -> None:
    """Compare files with the records in audit/: is this the file that was tested, and with which result?

    Reads digests, loads no model and needs no network. docs/audit.md says what a record proves, and what not.

    Exit code 0: all is as recorded, and passes where it must. 1: as recorded, but something that must pass does not.
    2: bad input. 3: a file is not the one that was tested. 4: a record is missing, altered, or contradicts metrics/.
    5: dvc.lock disagrees. Of several, the first of 3, 4, 5, 1.
    """
    from expunge.records.verify import exit_code, verify_encoder, verify_repository, verify_weights

    findings = []
    for path in paths or [repository]:
        if path.is_dir() and (path / "audit").is_dir():
            findings += verify_repository(path)
        elif path.is_dir():
            findings += verify_encoder(repository, path)
        else:
            findings += verify_weights(repository, path)
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        for each in findings:
            typer.echo(f"{each.kind}: {each.where}: {each.what}" + (f"; {each.fix}" if each.fix else ""))
        wrong = sum(finding.kind != "note" for finding in findings)
        typer.echo(f"{count(wrong, 'finding')}" if wrong else "all is as recorded, and passes where it must")
    raise typer.Exit(exit_code(findings))
