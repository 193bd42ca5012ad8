"""Is what lies here what the records speak of? Reads files and loads no model.

    trust = Trust(read_trusted(Path("audit/trusted.yaml")))
    findings = verify_repository(Path(), trust)            every record in audit/, and what it speaks of
    findings = verify_encoder(Path(), Path("build/encoders/objects/fire-engine"), trust)
    findings = verify_weights(Path(), Path("model.safetensors"), trust)     which record speaks of this very file?

A finding is something that is wrong, with its kind. What is merely not here (an encoder that nobody pulled) is a note.
Nothing outside the repository is read: a link out of it is a finding.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from expunge.concepts.confidential import MASK
from expunge.core.digest import file_digest
from expunge.core.errors import InputError, Problem
from expunge.records.build_files import of_build
from expunge.records.files import INDEX, LOG, Indexed, indexed, read_index, read_record
from expunge.records.findings import RESIGN, Finding, Trust
from expunge.records.folder_digest import folder_digest
from expunge.records.folder_signing import signers_of_folder
from expunge.records.log import GONE, WITHDRAWN, read_log
from expunge.records.origin import committed_bytes, lock_digest
from expunge.records.own_rows import digests_of_rows
from expunge.records.signing import BadSignature, envelope_of, signers_of
from expunge.records.statement import ENCODERS, evaluation, result_of, tests_of
from expunge.verdicts.read_verdicts import read_verdicts
from expunge.verdicts.verdict_file import Verdict
from expunge.verdicts.written_by_run import changed_files

AUDIT, METRICS, LOCK = Path("audit"), Path("metrics"), Path("dvc.lock")


def verify_repository(root: Path, trust: Trust) -> list[Finding]:
    """Every record with signature and files, metrics/, dvc.lock, build/. :raises InputError: there are no records."""
    index = read_index(root / AUDIT / INDEX)
    findings = [*_of_tables(root), *_of_log(root, index)]
    for file in sorted((root / AUDIT).glob("*/*.json")):
        name = f"{file.parent.name}/{file.stem}"
        if name not in index:
            findings.append(
                Finding("record", _shown(root, file), f"is not in {(AUDIT / INDEX).as_posix()}", "remove it")
            )
    verdicts = _verdicts(root, findings)
    here = {f"{each.parent.name}/{each.name}" for each in (root / ENCODERS).glob("*/*") if each.is_dir()}
    never = {name: v for name, v in (verdicts or {}).items() if v.never_made and name not in {*here, *index}}
    for name, verdict in never.items():
        kind = "verdict" if verdict.required else "note"
        findings.append(Finding(kind, name, f"has no record, since it was not made: {verdict.note}"))
    for name in sorted({*(verdicts or {}), *here} - index.keys() - never.keys()):
        fix = "run `dvc repro`, or take audit/ from git"
        findings.append(Finding("record", name, "has a verdict or a folder here, and no record", fix))
    tables = digests_of_rows(root / METRICS, index)
    for name in index:
        findings += _of_record(root, name, index[name], verdicts, tables[name], trust)
    return [*findings, *of_build(root)]


def verify_encoder(root: Path, folder: Path, trust: Trust, name: str = "") -> list[Finding]:
    """A folder with an encoder, wherever it lies.

    :param name: "list/encoder" that it should be; "": the one whose folder it is, or that has these very bytes.
    :raises InputError: there is no such folder, or no record of that name.
    """
    index = read_index(root / AUDIT / INDEX)
    if name and name not in index:
        raise InputError([Problem(name, f"has no record in {AUDIT.as_posix()}/", "write list/encoder")])
    found = name or _name_below(root, folder)
    if not found:
        whole = {file: _digest(root, folder, folder / file) for file in _files(folder)}
        own = folder_digest({file: digest for file, digest in whole.items() if digest})
        found = next((each for each in index if index[each].folder == own and all(whole.values())), "")
    if not found:
        fix = "say with --encoder which it should be, to see what differs"
        return [Finding("digest", folder.as_posix(), "no record speaks of these very files", fix)]
    return _of_one(root, found, index, trust, folder)


def verify_weights(root: Path, file: Path, trust: Trust, name: str = "") -> list[Finding]:
    """A file of weights by itself.

    :param name: "list/encoder" whose it should be; "": the one in whose folder it lies, or any that has these bytes.
    :raises InputError: the file cannot be read, or there is no record of that name.
    """
    index = read_index(root / AUDIT / INDEX)
    if name and name not in index:
        raise InputError([Problem(name, f"has no record in {AUDIT.as_posix()}/", "write list/encoder")])
    if not file.is_file():  # a pipe would be waited for
        what, fix = "is not here", "name a folder with an encoder, a file of weights, a release or its .tar"
        if file.exists():
            what = "is neither a file nor a folder"
        elif "/".join(_name_below(root, file).split("/")[:2]) in index:
            fix = "run `dvc pull`, or `dvc repro`"
        raise InputError([Problem(file.as_posix(), what, fix)])
    try:
        own = file_digest(file)
    except OSError as error:
        raise InputError([Problem(file.as_posix(), f"cannot be read ({error.strerror})", "name a file")]) from None
    named = name or "/".join(_name_below(root, file).split("/")[:2])
    owners = [each for each in ([named] if named else index) if each in index and own in index[each].weights.values()]
    if not owners:
        whose = f"the record of {named} does not speak of it" if named else "no record speaks of it"
        packed = file.suffix in (".gz", ".tgz", ".xz", ".zst", ".zip")
        fix = "unpack it, and name what is in it" if packed else "it is not a file that was tested as such here"
        return [Finding("digest", file.as_posix(), f"{whose} (sha256 {own})", fix)]
    said = Finding("note", file.as_posix(), f"is {_named(index[owners[0]], own)} of {owners[0]}")
    return [said, *_of_one(root, owners[0], index, trust)]


def _of_one(
    root: Path, name: str, index: Mapping[str, Indexed], trust: Trust, folder: Path | None = None
) -> list[Finding]:
    """One record, with what holds all of them together: metrics/, dvc.lock and the log."""
    findings = [*_of_tables(root), *_of_log(root, index)]
    verdicts = _verdicts(root, findings, [name])
    if name not in index:
        return [*findings, Finding("record", name, "has no record", "run `dvc repro`, or take audit/ from git")]
    tables = digests_of_rows(root / METRICS, [name])[name]
    return [*findings, *_of_record(root, name, index[name], verdicts, tables, trust, folder)]


def _of_record(
    root: Path,
    name: str,
    entry: Indexed,
    verdicts: Mapping[str, Verdict] | None,
    tables: Mapping[str, str | None],
    trust: Trust,
    folder: Path | None = None,
) -> Iterator[Finding]:
    """One record: is it signed, the one of the index, and does it fit its schema, the verdict, dvc.lock and the
    encoder's files?"""
    file = root / AUDIT / f"{name}.json"
    where = _shown(root, file)
    try:
        record = read_record(file)
    except InputError as error:
        yield from (Finding("record", where, problem.what, problem.fix) for problem in error.problems)
        return
    yield from _of_signatures(file, where, entry.folder, trust)
    if indexed(file, record) != entry:
        yield Finding("record", where, f"is not the one that {(AUDIT / INDEX).as_posix()} names", "take it from git")
    told = record["predicate"]
    if told["encoder"] != name:
        yield Finding("record", where, f"speaks of {told['encoder']}", "take it from git")
        return
    for table, digest in tables.items() if "tables" in told else ():
        if digest != told["tables"].get(table):
            what = f"is about other numbers than those of {name} in {(METRICS / table).as_posix()}"
            yield Finding("record", where, what, "take both from git, or run `dvc repro`")
    yield from _of_verdict(where, told, verdicts.get(name) if verdicts is not None else None, verdicts is None)
    if lock_digest(root / LOCK) != told["origin"]["dvcLock"]:
        yield Finding("note", where, "was written under another dvc.lock, and nothing that it says has changed since")
    for each in told["configuration"]:
        if _digest(root, root, root / each["name"]) != each["digest"]["sha256"]:
            yield Finding("note", where, f"{each['name']} has changed since, or is not here")
    yield from _of_files(root, name, record, folder or root / ENCODERS / name)
    if told["result"] == "FAILED":
        yield Finding("verdict", name, "was tested, and does not pass: FAILED", f"see `expunge gate {name}`")
    elif told["result"] == "WARNED":
        yield Finding("note", name, "does not pass, and need not: WARNED")


def _of_signatures(file: Path, where: str, folder: str, trust: Trust) -> Iterator[Finding]:
    """That of the record and, where there is one, that of the encoder's folder."""
    try:
        names = signers_of(file, trust.keys, "record")
        yield Finding("note", where, f"is signed by {', '.join(names)}")
    except OSError:
        what = "is not signed"
        yield (
            Finding("signature", where, what, "run `expunge sign`") if trust.required else Finding("note", where, what)
        )
    except BadSignature as error:
        yield Finding("signature", where.replace(".json", envelope_of(file).suffix), str(error), RESIGN)
    own = file.with_suffix(".sig")
    try:
        signers_of_folder(own, folder, trust.keys)
    except OSError:
        return
    except BadSignature as error:
        yield Finding("signature", where.replace(".json", own.suffix), str(error), RESIGN)


def _of_verdict(where: str, told: Mapping[str, Any], verdict: Verdict | None, unknown: bool) -> Iterator[Finding]:
    if unknown:
        return
    file = (METRICS / "verdicts.json").as_posix()
    if verdict is None:
        yield Finding("record", where, f"has no verdict in {file}", "run `dvc repro`")
        return
    own = {key: getattr(verdict, key) for key in {*told["verdict"], *(["note"] if verdict.note else [])}}
    # through JSON, as the record went: a tuple has become a list
    same = json.loads(json.dumps([evaluation(reason) for reason in verdict.reasons])) == told["evaluations"]
    tests = all(told[kind] == names for kind, names in tests_of(verdict).items())
    if own != told["verdict"] or not same or not tests or result_of(verdict) != told["result"]:
        yield Finding("record", where, f"says something else than {file}", "take both from git, or run `dvc repro`")


def _of_files(root: Path, name: str, record: Mapping[str, Any], folder: Path) -> Iterator[Finding]:
    """Are the encoder's files the recorded ones, and no others?"""
    base = (ENCODERS / name).as_posix()
    digests = {each["name"]: each["digest"]["sha256"] for each in record["subject"]}
    wanted = {path.removeprefix(f"{base}/"): own for path, own in digests.items() if path.startswith(f"{base}/")}
    if digests.keys() - {base} - {f"{base}/{file}" for file in wanted} or base not in digests:
        yield Finding("record", name, f"has subjects outside {base}, or lacks the folder itself", "take it from git")
    if wanted and folder_digest(wanted) != digests.get(base):
        yield Finding("record", name, "the digest of the folder is not that of its files", "take it from git")
    if not folder.is_dir():
        yield Finding("note", folder.as_posix(), "is not here: its files were not compared", "run `dvc pull`")
        return
    heal = f"run `dvc checkout --force {ENCODERS.as_posix()}`, or `dvc pull` where the cache lacks it"
    there = set(_files(folder))
    for file in sorted(wanted.keys() | there):
        path = folder / file
        if file not in there:
            yield Finding("digest", path.as_posix(), "is missing", heal)
        elif file not in wanted:
            yield Finding("digest", path.as_posix(), "is no file that was recorded", "remove it")
        elif (own := _digest(root, folder, path)) is None:
            yield Finding(
                "digest", path.as_posix(), "is a link that leads elsewhere, or no file, and was not read", heal
            )
        elif own != wanted[file]:
            yield Finding("digest", path.as_posix(), "is not the file that was tested", heal)


def _of_tables(root: Path) -> Iterator[Finding]:
    """metrics/ and the index of the records, against dvc.lock."""
    if not (root / LOCK).is_file():
        yield Finding("lock", LOCK.as_posix(), "is missing: nobody knows what the last run wrote", "take it from git")
        return
    for folder in (METRICS, AUDIT):
        try:
            problems = changed_files(root / LOCK, root / folder)
        except InputError as error:
            problems = error.problems
        yield from (Finding("lock", problem.where, problem.what, problem.fix) for problem in problems)


def _of_log(root: Path, index: Mapping[str, Indexed]) -> Iterator[Finding]:
    """Is the log's chain whole, does it go on from the last commit's, and end with the records that are here?"""
    where, fix = (AUDIT / LOG).as_posix(), "take it from git"
    lines, problems = read_log(root / AUDIT / LOG)
    yield from (Finding("log", where, problem, fix) for problem in problems)
    committed = committed_bytes(root, AUDIT / LOG)
    now = (root / AUDIT / LOG).read_bytes() if (root / AUDIT / LOG).is_file() else b""
    if committed is not None and not now.startswith(committed):
        yield Finding("log", where, "does not begin as it does in the last commit", fix)
    last = {line.encoder: line for line in lines}
    gone = {line.record for line in lines if line.event == WITHDRAWN and MASK in line.encoder}  # its id is hidden
    for name, entry in index.items():
        if name not in last or last[name].event in GONE or last[name].record != entry.record:
            yield Finding("log", where, f"does not end with the record of {name} that is here", fix)
    for name, line in last.items():
        if name not in index and line.event not in GONE and line.record not in gone:
            yield Finding("log", where, f"has a record of {name} that is not here", fix)


def _verdicts(root: Path, findings: list[Finding], names: Collection[str] | None = None) -> dict[str, Verdict] | None:
    """None, and a finding, where the file is broken. :param names: whose numbers matter."""
    try:
        return read_verdicts(root / METRICS / "verdicts.json", names)
    except InputError as error:
        findings += [Finding("record", problem.where, problem.what, problem.fix) for problem in error.problems]
        return None


def _files(folder: Path) -> list[str]:
    """The files of a folder as paths below it; folders that are links are not entered."""
    if not folder.is_dir():
        raise InputError([Problem(folder.as_posix(), "is no folder", "name the folder of an encoder")])
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or path.is_file()
    )


def _digest(root: Path, folder: Path, path: Path) -> str | None:
    """The digest of a file; None where it is none, or a link that leads out of both the repository and the folder."""
    try:
        target = path.resolve()
        inside = any(target.is_relative_to(place.resolve()) for place in (root, folder))
        return file_digest(target) if inside and target.is_file() else None
    except (OSError, RuntimeError):  # it cannot be read, or leads to itself
        return None


def _name_below(root: Path, folder: Path) -> str:
    """ "list/encoder" of a folder of build/encoders, else ""."""
    try:
        return folder.resolve().relative_to((root / ENCODERS).resolve()).as_posix()
    except ValueError:
        return ""


def _named(entry: Indexed, own: str) -> str:
    return next(file for file, digest in entry.weights.items() if digest == own)


def _shown(root: Path, file: Path) -> str:
    return file.relative_to(root).as_posix()
