"""Is a checkpoint of one file a Stable Diffusion model, by the names of its tensors? Imports no torch."""

from collections.abc import Collection

from expunge.bases.families import sd as family
from expunge.bases.families.names import ENCODER_FOLDER, normal_name
from expunge.bases.parts import Found, Part
from expunge.bases.placement import placement_problems, some
from expunge.core.errors import Problem


def checkpoint_problems(found: Found) -> list[Problem]:
    """Parts that a checkpoint lacks, and a text encoder that is not that of the settings."""
    part = found.parts.get("t2i.checkpoint")
    if part is None:
        return []
    lacks = parts_lacking(part.where, part.label, part.tensors)
    return lacks or _encoder(part, found.parts.get(f"t2i.{ENCODER_FOLDER}"))


def parts_lacking(where: str, label: str, names: Collection[str]) -> list[Problem]:
    """One problem if a checkpoint holds nothing of some parts, by its tensors' names; else none."""
    lacks = {
        name: prefixes[0]
        for name, prefixes in family.CHECKPOINT_PREFIXES.items()
        if not any(tensor.startswith(prefixes) for tensor in names)
    }
    if not lacks:
        return []
    parts = ", ".join(f"{name} (`{prefix}...`)" for name, prefix in lacks.items())
    fix = "name a whole Stable Diffusion 1.x or 2.x checkpoint, not a LoRA, a denoiser alone or another family"
    return [Problem(where, f"{label}: it holds no {parts}, but {some(names)}", fix)]


def _encoder(part: Part, settings: Part | None) -> list[Problem]:
    """Differences between the names of the text encoder's tensors and those that the settings ask for."""
    prefix = family.CHECKPOINT_PREFIXES[ENCODER_FOLDER][0]
    given = {name.removeprefix(prefix) for name in part.tensors if name.startswith(prefix)}
    wanted = family.encoder_shapes(settings.config).keys() if settings is not None else set()
    if not given or not wanted:
        return []  # an encoder in another layout has other names; loading it tells
    names = {normal_name(name) for name in given}
    return placement_problems(part.where, f"t2i.{ENCODER_FOLDER}", wanted - names, names - wanted)
