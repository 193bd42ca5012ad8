"""The lock of a base, `bases/<name>.lock.yaml`: what the base's file does not pin by itself.

For hub repositories without a revision, the first load records the revision and the digests of the files. For files
outside bases/, the first run of the stage plan records their digests. Later runs must find the same.

    trial = on_trial(spec)      what is loaded with `trial` is compared with the lock, and recorded in memory alone
    record(trial)               writes it down, once the base has passed
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from expunge.bases.spec import Source, Spec
from expunge.core.digest import file_digest
from expunge.core.errors import InputError, Problem
from expunge.core.files import write_aside
from expunge.core.yamlfile import load

HEAD = "# Written at the first load: what this base's unpinned repositories and outside folders held. Keep it in git.\n"


def read_lock(spec: Spec) -> dict[str, Any]:
    """{repository: {revision, files: {name: sha256}}} as the first load recorded it; {} where there is no lock.

    :raises InputError: the lock is not of this form.
    """
    pending = spec.unwritten or {}
    if not spec.lock.is_file():
        return dict(pending)
    tree = load(spec.lock)
    sound = isinstance(tree.value, dict) and all(isinstance(entry, dict) for entry in tree.value.values())
    if not sound:
        fix = "take it from git, or delete it to accept today's weights"
        raise InputError([Problem(f"{spec.lock.as_posix()}:{tree.line}", "is not a lock of a base", fix)])
    return {**tree.value, **pending}


def on_trial(spec: Spec) -> Spec:
    """The base, whose new entries of the lock wait for `record`: a base that is refused must leave none."""
    return replace(spec, unwritten={})


def record(trial: Spec) -> bool:
    """Write the entries of a base on trial into its lock; is there anything new?"""
    if not trial.unwritten:
        return False
    _write_lock(replace(trial, unwritten=None), read_lock(trial))
    return True


def check_lock(spec: Spec, source: Source, folder: Path, patterns: Sequence[str]) -> None:
    """Compare an unpinned repository's files with the lock, and record those that are not in the lock yet.

    :param folder: the repository's snapshot in the hub's cache, named by its revision. :param patterns: patterns of
        the names of the files to compare.
    :raises InputError: the revision or a file differs from the lock.
    """
    files = {file.relative_to(folder).as_posix(): file for name in patterns for file in sorted(folder.glob(name))}
    now = {"revision": folder.name, **{name: _sha256(file) for name, file in files.items() if file.is_file()}}
    lock = read_lock(spec)
    recorded = lock.get(str(source.repo), {})
    before: dict[str, str] = {"revision": recorded.get("revision", folder.name), **(recorded.get("files") or {})}
    changed = sorted(name for name in before.keys() & now.keys() if before[name] != now[name])
    if changed:
        fix = f"restore the cache, or delete the entry in {spec.lock} to accept the new weights"
        what = f"{source.repo} is not what {spec.lock} recorded: {', '.join(changed[:4])}"
        raise InputError([Problem(source.where, what, fix)])
    if now.keys() - before.keys():
        merged = {**before, **now}
        revision = merged.pop("revision")
        _write_lock(spec, {**lock, str(source.repo): {"revision": revision, "files": merged}})


def check_files(spec: Spec, where: str, name: str, now: dict[str, str]) -> None:
    """Compare files outside bases/, which git cannot hold, with the lock, and record those that are not in it yet.

    :param where: the place in the base's file, for problems. :param name: what the base's file calls their folder, such
        as "$MODELS/sd15". :param now: {file: sha256}.
    :raises InputError: a file differs from the lock.
    """
    lock = read_lock(spec)
    before: dict[str, str] = lock.get(name, {}).get("files") or {}
    changed = sorted(file for file in before.keys() & now.keys() if before[file] != now[file])
    if changed:
        fix = f"restore the files, or delete the entry in {spec.lock} to accept the new ones"
        what = f"{name} is not what {spec.lock} recorded: {', '.join(changed[:4])}"
        raise InputError([Problem(where, what, fix)])
    if now.keys() - before.keys():
        _write_lock(spec, {**lock, name: {"files": {**before, **now}}})


def _sha256(file: Path) -> str:
    """The sha256 of a file's bytes. The hub's cache names the blobs of large files by it, so these need not be read."""
    blob = file.resolve().name
    return blob if re.fullmatch(r"[0-9a-f]{64}", blob) else file_digest(file)


def _write_lock(spec: Spec, lock: dict[str, Any]) -> None:
    if spec.unwritten is not None:
        spec.unwritten.update(lock)
        return
    from ruamel.yaml import YAML

    def write(part: Path) -> None:
        with open(part, "w", encoding="utf-8") as file:
            file.write(HEAD)
            YAML(typ="safe").dump(lock, file)

    write_aside(spec.lock, write)
