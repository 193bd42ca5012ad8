"""A folder that a release hands on: the encoder, its record and tables, a page to read and sign, and what all are.

    make_release(Path(), "production", Path("release/production"), Chosen())
    findings = verify_release(Path("release/production"), trust)

    encoder/            what `from_pretrained` of its class loads; a denoiser's change, if there is one, beside it
    record.json         audit/releases/<name>.json, and record.dsse if it is signed
    verdict.json        its verdict with every reason; rates.csv: every number; frames.csv: videos frame by frame
    README.md           the model card; bom.cdx.json, bom.spdx.json: bills of materials (expunge.records.release_papers)
    report/             its pages of the report, with what they show (expunge.records.release_report)
    exports/            for other programs, where it is asked for (expunge.records.release_exports)
    summary.html        one page for people who do not read JSON
    release.json        an in-toto Statement over all of these files; release.dsse, once it is signed
    encoder.sig         once it is signed: over encoder/ as released, for the command of OpenSSF model signing

`training.json` and training curves stay out: they say the words that were trained on. adapter.safetensors stays out,
too, unless it is asked for: who takes it away again has the original encoder. The same release gives the same bytes.
"""

import re
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from expunge.core.digest import file_digest, folder_files
from expunge.core.errors import InputError, Problem
from expunge.core.files import to_json, write_aside, write_text
from expunge.core.strict_json import strict_json
from expunge.core.unit_names import RELEASES
from expunge.records.files import read_record, small_bytes
from expunge.records.findings import RESIGN, Finding, Trust
from expunge.records.folder_digest import folder_digest
from expunge.records.folder_signing import signers_of_folder
from expunge.records.origin import commit_time
from expunge.records.signing import BadSignature, signers_of
from expunge.records.statement import ENCODERS, STATEMENT
from expunge.records.verify import AUDIT

PREDICATE = "urn:expunge:release:v1"
WEIGHTS = ("README.md", "config.json", "model.safetensors", "denoiser.safetensors", "unconditional.safetensors")
ADAPTER = "adapter.safetensors"
RECORD, STATED = "record.json", "release.json"
FOLDER_SIGNATURE = "encoder.sig"
SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Chosen:
    """What goes along that need not."""

    adapter: bool = False  # adapter.safetensors: subtracting it gives the original encoder back
    report: bool = True  # the release's pages of the report
    exports: tuple[str, ...] = ()  # some of bases.exports.RELEASED
    into: Path | None = None  # the checkpoint of the form single-file


def make_release(root: Path, name: str, out: Path, chosen: Chosen) -> tuple[dict[str, Any], list[str]]:
    """Write the folder and its statement; returns the statement, and notes for the user.

    :raises InputError: there is no such release, the folder is there already, or something that was chosen is not here.
    """
    # Here, since `expunge verify` needs neither the report nor the catalogue of metrics.
    from expunge.records.release_exports import export_problems, write_exports
    from expunge.records.release_papers import write_papers, write_tables
    from expunge.records.release_report import write_release_report

    if problems := list(export_problems(chosen.exports, chosen.into, chosen.adapter)):
        raise InputError(problems)
    encoder = f"{RELEASES}/{name}"
    record = read_record(root / AUDIT / f"{encoder}.json")
    source = root / ENCODERS / encoder
    if not source.is_dir():
        raise InputError([Problem(source.as_posix(), "is not here", "run `dvc pull` or `dvc repro`")])
    if chosen.adapter and not (source / ADAPTER).is_file():
        what = f"was asked for, and the method {record['predicate']['method']} made none"
        raise InputError([Problem(ADAPTER, what, "leave --adapter out")])
    if out.exists():
        raise InputError([Problem(out.as_posix(), "is there already", "name another folder, or remove it")])
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    (part / "encoder").mkdir(parents=True)
    try:
        for file in (*WEIGHTS, *((ADAPTER,) if chosen.adapter else ())):
            if (source / file).is_file():
                shutil.copyfile(source / file, part / "encoder" / file)
        shutil.copyfile(root / AUDIT / f"{encoder}.json", part / RECORD)
        if (signature := root / AUDIT / f"{encoder}.dsse").is_file():
            shutil.copyfile(signature, part / "record.dsse")
        verdict = strict_json((root / "metrics/verdicts.json").read_bytes())[encoder]
        write_text(part / "verdict.json", to_json({encoder: verdict}))
        write_tables(part, root / "metrics", name)
        write_papers(part, record, commit_time(root, record["predicate"]["origin"]["git"]["commit"]))
        if chosen.report:
            write_release_report(root, part / "report", record, part / RECORD)
        notes = (
            write_exports(root, part / "exports", record, source, chosen.exports, chosen.into) if chosen.exports else []
        )
        write_text(part / "summary.html", summary(name, record, verdict, chosen))
        files = folder_files(part)
        statement = {
            "_type": STATEMENT,
            "subject": [{"name": file, "digest": {"sha256": files[file]}} for file in sorted(files)],
            "predicateType": PREDICATE,
            "predicate": {"release": name, "result": record["predicate"]["result"], "record": files[RECORD]},
        }
        write_text(part / STATED, to_json(statement))
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return statement, notes


def pack(folder: Path, file: Path) -> None:
    """A tar of the folder that is the same for the same files: sorted, without times and owners.

    Its form is POSIX's of 2001, which holds paths of any length and is that of 1988 (USTAR) for all others.
    """

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = 0, 0, 0, "", ""
        entry.mode = 0o755 if entry.isdir() else 0o644
        return entry

    def write(part: Path) -> None:
        with tarfile.open(part, "w", format=tarfile.PAX_FORMAT) as tar:
            for path in [folder, *sorted(folder.rglob("*"))]:
                tar.add(path, Path(folder.name) / path.relative_to(folder), recursive=False, filter=plain)

    write_aside(file, write)


def verify_release(folder: Path, trust: Trust) -> list[Finding]:
    """Is a folder the release that somebody signed, file by file, and does its record speak of its encoder?

    :raises InputError: release.json is missing or broken.
    """
    stated, findings = _statement(folder), list[Finding]()
    wanted = {each["name"]: each["digest"]["sha256"] for each in stated["subject"]}
    there = {
        path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_symlink() or path.is_file()
    }
    own = {STATED, "release.dsse", FOLDER_SIGNATURE}
    for name in sorted(wanted.keys() | there.keys() - own):
        if name not in there:
            findings.append(Finding("digest", name, "is missing", "get the release again, whole"))
        elif name not in wanted:
            findings.append(Finding("digest", name, "is no file of the release", "remove it"))
        elif there[name].is_symlink():
            findings.append(Finding("digest", name, "is a link, and was not read", "get the release again, whole"))
        elif file_digest(there[name]) != wanted[name]:
            findings.append(
                Finding("digest", name, "is not the file that was released", "get the release again, whole")
            )
    if any(finding.where == RECORD for finding in findings):
        return [*findings, *_signed(folder / STATED, "release", trust)]
    return [
        *findings,
        *_signed(folder / STATED, "release", trust),
        *_signed_folder(folder / FOLDER_SIGNATURE, wanted, trust),
        *_signed(folder / RECORD, "record", trust),
        *_of_record(folder, stated, wanted),
    ]


def summary(name: str, record: Mapping[str, Any], verdict: Mapping[str, Any], chosen: Chosen) -> str:
    """The page for people: may it go out, what it forgets, what was measured, what that does not say."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=select_autoescape(default=True),
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    told, digests = record["predicate"], {each["name"]: each["digest"]["sha256"] for each in record["subject"]}
    return environment.get_template("summary.html.j2").render(
        name=name, told=told, verdict=verdict, chosen=chosen,
        failed=[reason for reason in verdict["reasons"] if reason["verdict"] != "pass" and reason["required"]],
        sure=sum(reason["sure"] for reason in verdict["reasons"]), gates=len(verdict["reasons"]),
        weights=digests[f"{ENCODERS.as_posix()}/{told['encoder']}/model.safetensors"],
    )  # fmt: skip


def _statement(folder: Path) -> Any:
    fix = "get the release again, whole"
    file = folder / STATED
    try:
        stated = strict_json(small_bytes(file))
        sound = stated["predicateType"] == PREDICATE and all(
            isinstance(each["name"], str) and SHA256.fullmatch(each["digest"]["sha256"]) for each in stated["subject"]
        )
        result = stated["predicate"]["result"], stated["predicate"]["release"], stated["predicate"]["record"]
        if not sound or not all(isinstance(each, str) for each in result):
            raise ValueError("it is of another form")
    except OSError as error:
        raise InputError([Problem(file.as_posix(), f"cannot be read ({error.strerror})", fix)]) from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError([Problem(file.as_posix(), f"is no statement of a release ({error})", fix)]) from None
    return stated


def _signed(file: Path, role: str, trust: Trust) -> Iterator[Finding]:
    try:
        yield Finding("note", file.name, f"is signed by {', '.join(signers_of(file, trust.keys, role))} (as {role})")
    except OSError:
        kind = "signature" if trust.required else "note"
        yield Finding(kind, file.name, "is not signed", "ask who released it to sign it" if trust.required else "")
    except BadSignature as error:
        yield Finding("signature", file.with_suffix(".dsse").name, str(error), RESIGN)


def _signed_folder(file: Path, wanted: Mapping[str, str], trust: Trust) -> Iterator[Finding]:
    """Where it is missing nothing is said: release.json names the same files."""
    own = {name.removeprefix("encoder/"): digest for name, digest in wanted.items() if name.startswith("encoder/")}
    try:
        names = signers_of_folder(file, folder_digest(own), trust.keys, "release")
        yield Finding("note", "encoder", f"is signed by {', '.join(names)} (OpenSSF model signing)")
    except OSError:
        return
    except BadSignature as error:
        yield Finding("signature", file.name, str(error), RESIGN)


def _of_record(folder: Path, stated: Any, wanted: Mapping[str, str]) -> Iterator[Finding]:
    """Is the encoder the one that the record speaks of, with the result that the statement gives?"""
    try:
        record = read_record(folder / RECORD)
    except InputError as error:
        yield from (Finding("record", RECORD, problem.what, problem.fix) for problem in error.problems)
        return
    told, base = record["predicate"], f"{ENCODERS.as_posix()}/{record['predicate']['encoder']}"
    if (
        told["encoder"] != f"{RELEASES}/{stated['predicate']['release']}"
        or told["result"] != stated["predicate"]["result"]
    ):
        yield Finding("record", RECORD, f"is of {told['encoder']}, {told['result']}", "get the release again, whole")
    tested = {each["name"]: each["digest"]["sha256"] for each in record["subject"]}
    for name, digest in wanted.items():
        if name.startswith("encoder/") and tested.get(f"{base}/{name.removeprefix('encoder/')}") != digest:
            yield Finding("digest", name, "is not the file that was tested", "get the release again, whole")
    if "encoder/model.safetensors" not in wanted:
        yield Finding("digest", "encoder/model.safetensors", "is no part of the release", "get it again, whole")
    if told["result"] != "PASSED":
        kind = "verdict" if told["result"] == "FAILED" else "note"
        yield Finding(kind, told["encoder"], f"was tested, and does not pass: {told['result']}", "see verdict.json")
