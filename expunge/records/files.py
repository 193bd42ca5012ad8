"""Records as files in audit/, one for each encoder, and their index."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from expunge.core.digest import file_digest
from expunge.core.errors import InputError, Problem
from expunge.core.files import to_json, write_json, write_text
from expunge.core.schema import validator_of
from expunge.core.strict_json import strict_json
from expunge.core.unit_names import RELEASES, Name
from expunge.records.log import RELEASED, WITHDRAWN, Event, append, events_between

INDEX, LOG = "index.json", "log.jsonl"
LARGEST = 64 * 2**20  # bytes of a record or of the index
LIST_SCHEMA = Path(__file__).parents[1] / "concepts" / "schema.json"


@dataclass(frozen=True)
class Indexed:
    """What the index says of one encoder."""

    record: str  # sha256 of the record's file
    folder: str  # digest of the encoder's folder
    weights: dict[str, str]  # {file of weights: sha256}


@cache
def record_validator() -> Any:
    return validator_of(msgspec.json.decode((Path(__file__).parent / "record.schema.json").read_bytes()))


def write_records(
    folder: Path,
    records: Mapping[str, Mapping[str, Any]],
    masked: Callable[[str], str] = str,
    asked: Collection[str] = (),
) -> None:
    """Write <folder>/<list>/<encoder>.json for each "list/encoder", and the index; remove records of other encoders,
    with their signatures. What became of which is added to the log.

    A record that differs from the one there by its origin and by the digests of whole list files alone stays as it is,
    and so do its signatures: a commit, or a change of a list that concerns other encoders, makes it no other record.

    :param asked: the encoders that lists ask for: one without a record was not made, and is not withdrawn.
    :param masked: takes out of the log the old id of what is withdrawn since it became confidential.
    :raises ValueError: a record does not fit its schema, which is a mistake of expunge.
    """
    old = {f"{file.parent.name}/{file.stem}": file_digest(file) for file in sorted(folder.glob("*/*.json"))}
    for name, record in records.items():
        if _says_the_same(folder / f"{name}.json", record):
            continue
        for error in record_validator().iter_errors(record):
            raise ValueError(f"the record of {name}: {'/'.join(map(str, error.path))}: {error.message}")
        write_text(folder / f"{name}.json", to_json(record))
    wanted = {folder / f"{name}.json" for name in records}
    for file in [file for file in folder.glob("*/*.json") if file not in wanted]:
        file.unlink()
        for signature in (".dsse", ".sig"):
            file.with_suffix(signature).unlink(missing_ok=True)
    new = {name: file_digest(folder / f"{name}.json") for name in sorted(records)}
    results = {name: record["predicate"]["result"] for name, record in records.items()}
    events = events_between(old, new, results, asked)
    append(folder / LOG, [replace(e, encoder=masked(e.encoder)) if e.event == WITHDRAWN else e for e in events])
    write_json(
        folder / INDEX, {name: asdict(indexed(folder / f"{name}.json", records[name])) for name in sorted(records)}
    )


def log_release(folder: Path, name: str, statement: Path) -> None:
    """Add to the log of audit/ that a release was handed on. :param statement: the release.json of its folder."""
    encoder = str(Name(RELEASES, name))
    record = folder / f"{encoder}.json"
    result = read_record(record)["predicate"]["result"]
    append(folder / LOG, [Event(RELEASED, encoder, file_digest(record), result, file_digest(statement))])


def _says_the_same(file: Path, record: Mapping[str, Any]) -> bool:
    """Is the file this record, but for its origin and for what else stands in the same list files?"""
    try:
        old, now = strict_json(small_bytes(file)), record["predicate"]
        own = old["predicate"]
        lists = {id_: {**entry, "sha256": now["lists"][id_]["sha256"]} for id_, entry in own["lists"].items()}
        own |= {"origin": now["origin"], "configuration": now["configuration"], "lists": lists}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False
    return to_json(old, None) == to_json(record, None)  # without indents json writes ten times as fast


def indexed(file: Path, record: Mapping[str, Any]) -> Indexed:
    """What the index says of a record's encoder."""
    digests = {each["name"]: each["digest"]["sha256"] for each in record["subject"]}
    own = record["subject"][-1]["name"]
    weights = {path.removeprefix(f"{own}/"): d for path, d in digests.items() if path.endswith(".safetensors")}
    return Indexed(file_digest(file), digests[own], weights | record["predicate"].get("whole", {}))


def read_index(file: Path) -> dict[str, Indexed]:
    """The index of the records. :raises InputError: it is missing, or has another form."""
    fix = "run `dvc repro`, or take it from git"
    try:
        index = msgspec.convert(strict_json(small_bytes(file)), dict[str, Indexed])
        for name in index:
            Name.parse(name)
        return index
    except OSError as error:
        raise InputError([Problem(file.as_posix(), f"cannot be read ({error.strerror})", fix)]) from None
    except (ValueError, RecursionError) as error:
        raise InputError([Problem(file.as_posix(), f"is no index of records ({error})", fix)]) from None


def small_bytes(file: Path) -> bytes:
    """The bytes of a file that somebody else may have made. :raises ValueError: it is larger than any record."""
    if file.stat().st_size > LARGEST:
        raise ValueError(f"it is larger than {LARGEST >> 20} MiB")
    return file.read_bytes()


def read_record(file: Path) -> dict[str, Any]:
    """:raises InputError: the file is missing, is no record, or says something twice."""
    fix = "take it from git, or run `dvc repro --force attest`"
    try:
        record = strict_json(small_bytes(file))
    except OSError as error:
        raise InputError([Problem(file.as_posix(), f"cannot be read ({error.strerror})", fix)]) from None
    except (ValueError, RecursionError) as error:
        raise InputError([Problem(file.as_posix(), f"is no record ({error})", fix)]) from None
    for wrong in record_validator().iter_errors(record):
        where = "/".join(map(str, wrong.path)) or "the whole"
        raise InputError([Problem(file.as_posix(), f"is no record of this version ({where})", fix)])
    return record


def list_digests(folder: Path, lists: Iterable[str]) -> dict[str, dict[str, str]]:
    """{list: {"sha256" of its file, "schema" of all lists}}."""
    schema = file_digest(LIST_SCHEMA)
    return {id_: {"sha256": file_digest(folder / f"{id_}.yaml"), "schema": schema} for id_ in lists}
