"""Are pictures, scores and attempts in build/ those that their stages wrote? Encoders are compared with their records.

Each stage's index.json holds a digest of every file. What is merely not here, such as what nobody pulled, is passed
over; a folder of the stage that is here must be whole.
"""

from collections.abc import Iterator
from pathlib import Path

from expunge.core.digest import file_digest
from expunge.core.errors import InputError
from expunge.core.index import read_index
from expunge.records.findings import Finding
from expunge.records.statement import STAGES

BUILD = Path("build")


def of_build(root: Path) -> Iterator[Finding]:
    """What in build/ is not as its stage left it. No link is followed out of the repository."""
    for name in STAGES:
        out = root / BUILD / name
        if name == "encoders" or not (out / "index.json").is_file():
            continue
        try:
            index = read_index(out)
        except InputError as error:
            yield from (Finding("digest", problem.where, problem.what, problem.fix) for problem in error.problems)
            continue
        wanted = {f"{unit}/{file}": sha for unit, record in index.units.items() for file, sha in record.files.items()}
        wanted |= index.files
        there = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_symlink() or path.is_file()}
        folders = {folder: _resolved(folder) for folder in {(out / file).parent for file in (*wanted, *there)}}
        heal = f"run `dvc checkout --force {(BUILD / name).as_posix()}`, or `dvc repro --force {index.stage}`"
        for file in sorted((wanted.keys() | there) - {"index.json"}):
            path = folders[(out / file).parent] / Path(file).name
            if what := _wrong(root.resolve(), path, wanted.get(file)):
                yield Finding("digest", (BUILD / name / file).as_posix(), what, heal)


def _resolved(folder: Path) -> Path:
    try:
        return folder.resolve()
    except (OSError, RuntimeError):  # a link that leads to itself
        return Path("/")


def _wrong(root: Path, path: Path, wanted: str | None) -> str:
    """What is wrong with a file of a resolved folder; "" if nothing is."""
    try:
        target = path.resolve() if path.is_symlink() else path
        if not target.is_relative_to(root):
            return "leads out of the repository, and was not read"
        if not target.is_file():
            return "is missing"
        if wanted is None:
            return "is no file that its stage wrote"
        return "" if file_digest(target) == wanted else "is not the file that its stage wrote"
    except (OSError, RuntimeError):  # it cannot be read, or leads to itself
        return "cannot be read"
