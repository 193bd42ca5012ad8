"""The files of a base that are loaded, by the part that needs them. Both the loader and the digest use this list."""

from dataclasses import dataclass, replace
from pathlib import Path

from expunge.bases.families import names
from expunge.bases.spec import Source, Spec
from expunge.core.errors import Problem


@dataclass(frozen=True)
class Needed:
    """The files that are loaded from one source. A name may end in `/*`, for the tokenizer's folder."""

    source: Source
    files: tuple[str, ...]  # required
    optional: tuple[str, ...] = ()  # loaded where they exist
    checkpoint: Path | None = None  # the file that holds the whole model; then `files` is empty


def needed_sources(spec: Spec) -> dict[str, Needed]:
    """The sources by part: "t2i"; "t2v" if the T2V pipeline has its own folder; for what lies by itself "t2v." and the
    part's name in the family, such as "t2v.transformer" or "t2v.motion_adapter".

    Where the T2I model is a checkpoint of one file, "t2i" is the folder of its settings, and "t2i.checkpoint" the file.
    """
    first = spec.t2i.source
    assert first is not None  # load_spec has checked it
    if first.single:
        settings = replace(first, path=first.config, written=first.config_written, config=None, sha256=None)
        needed = {
            "t2i": Needed(settings, tuple(names.settings_files(spec.family))),
            "t2i.checkpoint": Needed(first, (), checkpoint=first.path),
        }
    else:
        needed = {"t2i": Needed(first, tuple(names.pipeline_files(spec.family, first.variant)))}
    source = spec.t2v.source
    if source is not None and not _same_place(source, first):
        elsewhere = tuple(f"{part}/" for part in spec.t2v.parts)
        files, optional = (
            tuple(name for name in some(spec.family, source.variant) if not name.startswith(elsewhere))
            for some in (names.pipeline_files, names.optional_files)
        )
        needed["t2v"] = Needed(source, files, optional)
    for part, source in spec.t2v.parts.items():
        needed[f"t2v.{part}"] = Needed(source, tuple(names.module_files(source.variant)))
    return needed


def missing_checkpoint(needed: Needed) -> list[Problem]:
    """One problem if the checkpoint of one file is not there."""
    if needed.checkpoint is None or needed.checkpoint.is_file():
        return []
    what = f"the checkpoint {needed.source.written} is not there"
    return [Problem(needed.source.where, what, "put it there, or correct the path")]


def _same_place(one: Source, other: Source) -> bool:
    return (one.path, one.repo, one.revision) == (other.path, other.repo, other.revision)
