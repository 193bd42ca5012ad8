"""Commands for the record of what was asked, done and measured."""

import json
from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from expunge.bases.exports import RELEASED
from expunge.cli.app import app, count, errors_in_lines, printable

ReleaseForm = StrEnum("ReleaseForm", list(RELEASED))  # type: ignore[misc]  # mypy wants the names written out


@app.command()
@errors_in_lines
def verify(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Encoders, files of weights, releases (folder or .tar), repositories; default: this one."),
    ] = None,
    repository: Annotated[Path, typer.Option(help="Where audit/, metrics/ and dvc.lock lie.")] = Path(),
    trusted: Annotated[
        Path | None,
        typer.Option(help="The file of keys that you trust; default: audit/trusted.yaml of the repository."),
    ] = None,
    encoder: Annotated[str, typer.Option(help="LIST/ENCODER that a folder elsewhere should be.")] = "",
    signed: Annotated[bool, typer.Option("--signed", help="A record that nobody has signed is a finding.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print findings as JSON.")] = False,
) -> None:
    """Compare files with the records in audit/: is this the file that was tested, and with which result?

    Reads digests, loads no model and needs no network. docs/audit.md says what a record proves, and what not.

    Exit code 0: all is as recorded, and passes where it must. 1: as recorded, but something that must pass does not.
    2: bad input. 3: a file is not the one that was tested. 4: a record is missing, altered, or contradicts metrics/.
    5: dvc.lock disagrees. 6: a signature is missing (--signed), broken, by no trusted key, or in the wrong role.
    7: the log's chain is broken. Of several, the first of 3, 6, 4, 7, 5, 1.
    """
    from expunge.records.findings import Finding, Trust, exit_code
    from expunge.records.keys import read_trusted
    from expunge.records.path_kind import kind_of
    from expunge.records.release_folder import verify_release
    from expunge.records.release_tar import verify_tar
    from expunge.records.statement import ENCODERS
    from expunge.records.verify import AUDIT, verify_encoder, verify_repository, verify_weights

    findings = []
    for path in paths or [repository]:
        kind = "encoder" if encoder and path.is_dir() else kind_of(path, repository / ENCODERS)
        own = path / AUDIT / "trusted.yaml"  # a repository says itself whom it trusts; nothing else does
        keys = trusted or (own if kind == "repository" else repository / AUDIT / "trusted.yaml")
        trust = Trust(read_trusted(keys) if trusted or keys.is_file() else (), signed)
        if kind == "repository" and path.resolve() != Path().resolve() and keys == own:
            findings.append(Finding("note", path.as_posix(), "is taken as a repository, with the keys that it trusts"))
        match kind:
            case "tar":
                findings += verify_tar(path, trust)
            case "release":
                findings += verify_release(path, trust)
            case "repository":
                findings += verify_repository(path, trust)
            case "encoder":
                findings += verify_encoder(repository, path, trust, encoder)
            case _:
                findings += verify_weights(repository, path, trust, encoder)
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        said: dict[str, list[Finding]] = {}
        for each in findings:  # a note that many have is said once
            said.setdefault(each.what if each.kind == "note" else f"{each.where}: {each.what}", []).append(each)
        for first, *others in said.values():
            more = f" (and of {len(others)} more)" if others else ""
            line = f"{first.kind}: {first.where}: {first.what}{more}" + (f"; {first.fix}" if first.fix else "")
            typer.echo(printable(line))
        wrong = sum(finding.kind != "note" for finding in findings)
        typer.echo(f"{count(wrong, 'finding')}" if wrong else "all is as recorded, and passes where it must")
    raise typer.Exit(exit_code(findings))


@app.command()
@errors_in_lines
def release(
    name: Annotated[str, typer.Argument(help="A release of params.yaml, such as production.")],
    out: Annotated[Path | None, typer.Option(help="The folder to make; default: release/NAME.")] = None,
    key: Annotated[
        str, typer.Option(help="Sign with this private key: a file, an environment variable, or pkcs11:... in a token.")
    ] = "",
    adapter: Annotated[
        bool,
        typer.Option("--adapter", help="Hand on adapter.safetensors, too. Taken away again, it gives the original."),
    ] = False,
    export: Annotated[
        list[ReleaseForm] | None,
        typer.Option("--export", help="Put an export beside the encoder; may be repeated. lora needs --adapter."),
    ] = None,
    into: Annotated[Path | None, typer.Option(help="single-file: the checkpoint to put the change into.")] = None,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Its pages of the report, with videos.")] = True,
    tar: Annotated[
        bool, typer.Option("--tar", help="Make NAME.tar beside the folder, the same for the same files.")
    ] = False,
) -> None:
    """Make a folder to hand on: the encoder with its record, verdict, numbers, model card, bills of materials and
    report, and a page to read and sign.

    Nothing is released that does not pass, or that is not as recorded: `expunge verify` says what is wrong. The log
    gets a line with the digest of release.json.

    Exit code 0: made. 1: the release does not pass. 2: bad input, or it is not as recorded.
    """
    from expunge.core.errors import InputError, Problem
    from expunge.core.names import id_problem
    from expunge.records.files import log_release
    from expunge.records.findings import Trust
    from expunge.records.release_folder import FOLDER_SIGNATURE, STATED, Chosen, make_release, pack
    from expunge.records.signing import write_signature
    from expunge.records.statement import ENCODERS
    from expunge.records.verify import AUDIT, verify_encoder

    if problem := id_problem(name):
        raise InputError([Problem(name, f"is no name of a release: it {problem}", "write one of params.yaml")])
    found = verify_encoder(Path(), ENCODERS / "releases" / name, Trust())
    if wrong := [each for each in found if each.kind not in ("note", "verdict", "signature")]:
        raise InputError(Problem(each.where, each.what, each.fix) for each in wrong)
    if failed := [each for each in found if each.kind == "verdict"]:
        typer.echo(f"{failed[0].where}: {failed[0].what}; {failed[0].fix}", err=True)
        raise typer.Exit(1)
    folder = out or Path("release") / name
    packed = folder.with_name(f"{folder.name}.tar")
    if tar and packed.exists():
        raise InputError([Problem(packed.as_posix(), "is there already", "name another with --out, or remove it")])
    signer, sign_folder = opened(key, "release") if key else (None, None)
    chosen = Chosen(adapter, report, tuple(form.value for form in export or ()), into)
    stated, notes = make_release(Path(), name, folder, chosen)
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    if signer is not None and sign_folder is not None:
        write_signature(folder / STATED, signer)
        sign_folder(folder / "encoder", folder / FOLDER_SIGNATURE)
    log_release(AUDIT, name, folder / STATED)
    if tar:
        pack(folder, packed)
    typer.echo(f"{folder.as_posix()}: {count(len(stated['subject']), 'file')}, {stated['predicate']['result']}"
               + ("" if key else "; not signed") + "; commit audit/log.jsonl")  # fmt: skip


@app.command()
@errors_in_lines
def compatible(
    encoder: Annotated[str, typer.Argument(metavar="LIST/ENCODER", help="The encoder, or the file of its record.")],
    pipeline: Annotated[Path, typer.Argument(help="A pipeline's folder as diffusers saves it, or its text encoder's.")],
) -> None:
    """Does a pipeline have the very text encoder that this one takes the place of? Compares digests of every tensor.

    Exit code 0: it has, perhaps in another precision. 1: it has another; what differs is named. 2: bad input.
    """
    from expunge.records.compatible import compatible as answer_of
    from expunge.records.files import read_record
    from expunge.records.verify import AUDIT

    answer = answer_of(read_record(Path(encoder) if encoder.endswith(".json") else AUDIT / f"{encoder}.json"), pipeline)
    typer.echo(
        f"{pipeline.as_posix()} {answer.how} ({', '.join(f.relative_to(pipeline).as_posix() for f in answer.files)})"
    )
    for what, names in (("differ", answer.differ), ("are missing", answer.missing), ("are unknown", answer.unknown)):
        if names:
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            typer.echo(printable(f"  tensors that {what} ({len(names)}): {', '.join(names[:5])}{more}"))
    raise typer.Exit(0 if answer.fits else 1)


@app.command()
@errors_in_lines
def history(
    concept: Annotated[str, typer.Argument(metavar="LIST/CONCEPT", help="Such as objects/fire-engine.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print moments as JSON.")] = False,
) -> None:
    """Tell from git what became of a concept: when it was asked for, changed, passed or failed, and withdrawn.

    Commits that change its list or metrics/verdicts.json are read. Of an entry, the keys that changed are told and not
    its words.
    """
    from expunge.records.history import history as moments_of

    moments = moments_of(Path(), concept)
    if as_json:
        typer.echo(json.dumps([asdict(moment) for moment in moments], indent=1))
        return
    for moment in moments:
        typer.echo(printable(f"{moment.time} {moment.commit} {moment.subject}"))
        for event in moment.events:
            typer.echo(f"  {printable(event)}")


@app.command()
@errors_in_lines
def sign(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="LIST/ENCODER", help="Whose records are signed; default: all.")
    ] = None,
    key: Annotated[
        str,
        typer.Option(
            help="A file with a private key, an environment variable that holds one, or pkcs11:... in a token."
        ),
    ] = "EXPUNGE_KEY",
) -> None:
    """Sign records in audit/ (.dsse beside each) and, where they are here, the encoders' folders (.sig). Commit them.

    A .sig is of the form of OpenSSF model signing: `model_signing verify key FOLDER --signature FILE.sig` checks it.

    Nothing is signed while a record contradicts its files, metrics/ or dvc.lock: `expunge verify` says what is wrong.
    """
    from expunge.core.errors import InputError, Problem
    from expunge.records.files import INDEX, read_index
    from expunge.records.findings import Trust
    from expunge.records.signing import write_signature
    from expunge.records.statement import ENCODERS
    from expunge.records.verify import AUDIT, verify_repository

    known = read_index(AUDIT / INDEX)
    if wrong := [name for name in names or () if name not in known]:
        raise InputError(Problem(name, "has no record in audit/", "write list/encoder") for name in wrong)
    chosen = names or list(known)
    found = [each for each in verify_repository(Path(), Trust()) if each.kind not in ("note", "verdict", "signature")]
    if found:
        raise InputError(Problem(each.where, each.what, each.fix) for each in found)
    signer, sign_folder = opened(key, "record")
    for name in chosen:
        write_signature(AUDIT / f"{name}.json", signer)
    here = [name for name in chosen if (ENCODERS / name).is_dir()]
    for name in here:
        sign_folder(ENCODERS / name, AUDIT / f"{name}.sig")
    typer.echo(f"signed {count(len(chosen), 'record')} and {count(len(here), 'folder')}; commit audit/")
    if len(here) < len(chosen):
        away = count(len(chosen) - len(here), "encoder")
        typer.echo(f"{away} not here: their files were not compared with the records (`dvc pull`)", err=True)


def opened(key: str, role: str = "") -> tuple[Any, Callable[[Path, Path], None]]:
    """(a signer of records, what signs an encoder's folder into a file) by a key: a file, an environment variable that
    holds one, or the URI of one in a token. Where a role is given and the repository does not trust the key in it, that
    is said."""
    from functools import partial

    from expunge.records.folder_signing import sign_folder
    from expunge.records.keys import read_pem, read_trusted, signer_of
    from expunge.records.tokens import Token, is_token, needs_pin

    if is_token(key):
        token = Token.open(key, password() if needs_pin(key) else None)
        signer, sign = token.signer, token.sign_folder
    else:
        pem, secret = read_pem(key), password()
        signer, sign = signer_of(pem, secret), partial(sign_folder, pem=pem, password=secret)
    file = Path("audit/trusted.yaml")
    trusted = read_trusted(file) if role and file.is_file() else []
    if trusted and not any(role in each.roles and each.key.keyid == signer.public_key.keyid for each in trusted):
        what = f"{file.as_posix()} names no such key as {role}: who checks with it refuses what is signed now"
        typer.echo(f"note: {what}", err=True)
    return signer, sign


def password(confirm: bool = False) -> str:
    """From EXPUNGE_KEY_PASSWORD, else asked for."""
    import os

    from expunge.records.keys import PASSWORD

    if PASSWORD in os.environ:
        return os.environ[PASSWORD].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    asked = typer.prompt("Password of the key", hide_input=True, confirmation_prompt=confirm, err=True)
    return str(asked)
