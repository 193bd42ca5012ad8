"""The files of a base that are loaded, by the part that needs them. Both the loader and the digest use this list."""

from dataclasses import dataclass

from expunge.bases.families import stable_diffusion as family
from expunge.bases.spec import Source, Spec


@dataclass(frozen=True)
class Needed:
    """The files that are loaded from one source. A name may end in `/*`, for the tokenizer's folder."""

    source: Source
    files: tuple[str, ...]  # required
    optional: tuple[str, ...] = ()  # loaded where they exist


def needed_sources(spec: Spec) -> dict[str, Needed]:
    """The sources by part: "t2i"; "t2v" if the T2V pipeline has its own folder; "t2v.unet", "t2v.motion_adapter"."""
    assert spec.t2i.source is not None  # load_spec has checked it
    needed = {"t2i": Needed(spec.t2i.source, tuple(family.pipeline_files(spec.t2i.source.variant)))}
    source = spec.t2v.source
    if source is not None and not _same_place(source, spec.t2i.source):
        files = family.pipeline_files(source.variant)
        if spec.t2v.unet is not None:
            files = [name for name in files if not name.startswith("unet/")]
        optional = () if spec.t2v.adapter is not None else tuple(family.optional_files(source.variant))
        needed["t2v"] = Needed(source, tuple(files), optional)
    for part, source in (("unet", spec.t2v.unet), ("motion_adapter", spec.t2v.adapter)):
        if source is not None:
            needed[f"t2v.{part}"] = Needed(source, tuple(family.module_files(source.variant)))
    return needed


def _same_place(one: Source, other: Source) -> bool:
    return (one.path, one.repo, one.revision) == (other.path, other.repo, other.revision)
