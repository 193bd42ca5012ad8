"""Where the paths of a base's file lead: below bases/, or below a root that each machine names for itself.

    path: emoji/t2i                  below bases/
    path: $MODELS/sd15               below the folder that the environment variable MODELS names,
                                     or else the key MODELS of bases/local.yaml, which git ignores

So no file of the repository says where this machine keeps its models.
"""

import difflib
import os
import re
from pathlib import Path

from expunge.core.errors import InputError
from expunge.core.yamlfile import load

LOCAL = "local.yaml"  # beside the bases' files
ROOTED = re.compile(r"\$(?:\{(\w+)\}|(\w+))/(.+)")


class PathError(ValueError):
    """A path that leads nowhere or leaves its folder: (what, fix)."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what, self.fix = what, fix


def place_of(value: str, folder: Path, links: bool) -> Path:
    """The place of a path.

    :param value: as the base's file writes it. :param folder: the folder of bases. :param links: may links lead out of
        the folder? True for weights, which are pinned by their digests.
    :raises PathError: the root is unknown, or the path leaves its folder.
    """
    rooted = ROOTED.fullmatch(value)
    if rooted is not None:
        root, rest = _root(rooted[1] or rooted[2], folder), rooted[3]
        if ".." in Path(rest).parts or Path(rest).is_absolute():
            raise PathError(f"the path {value!r} leaves its root", "write it without `..`")
        return root / rest
    target, base = (folder / value).resolve(), folder.resolve()
    inside = not Path(value).is_absolute() and target.is_relative_to(base) and target != base
    linked = links and not Path(value).is_absolute() and ".." not in Path(value).parts and Path(value) != Path(".")
    if not inside and not linked:
        fix = (
            f"write a path relative to {folder}/ that stays inside it, or `$NAME/...` with the folder NAME in the "
            f"environment or in {folder}/{LOCAL}"
        )
        raise PathError(f"the path {value!r} is not inside {folder}/", fix)
    return folder / value


def lies_outside(path: Path, folder: Path) -> bool:
    """Does a path lead out of the folder of bases, by its root or by a link? Then git cannot hold what is there."""
    return not path.resolve().is_relative_to(folder.resolve())


def _root(name: str, folder: Path) -> Path:
    """The folder that a root's name stands for on this machine."""
    file = folder / LOCAL
    given = os.environ.get(name) or _local(file).get(name)
    if given is None:
        near = difflib.get_close_matches(name, [*_local(file), *os.environ], 1, 0.8)
        meant = f"write ${near[0]}, or " if near else ""
        fix = f"{meant}set the environment variable {name}, or write `{name}: /its/folder` into {file}"
        raise PathError(f"this machine has no folder ${name}", fix)
    root = Path(str(given)).expanduser()
    if not root.is_absolute() or not root.is_dir():
        fix = f"set {name} to an absolute path of a folder, in the environment or in {file}"
        raise PathError(f"the folder ${name} is not there", fix)
    return root


def _local(file: Path) -> dict[str, object]:
    if not file.is_file():
        return {}
    try:
        raw = load(file).value
    except InputError as error:
        raise PathError(
            f"{file} cannot be read ({error.problems[0].what})", "write `NAME: /its/folder` there"
        ) from None
    return raw if isinstance(raw, dict) else {}
