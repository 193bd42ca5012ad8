"""Does an edit that somebody else made fit a base, as far as the headers of its files tell? Imports no torch.

    header_problems(Path("acme.safetensors"), load_spec("emoji"))       [] if names and shapes fit
    header_problems(Path("acme.safetensors"))                           is it anything that is read?

What needs the numbers, or diffusers' own names of a checkpoint's denoiser, is left to `bases.external_edit`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from expunge.bases.external_files import (
    denoiser_names,
    encoder_names,
    encoder_of,
    files_of,
    kind_of,
    needed_names,
)
from expunge.bases.families import Family
from expunge.bases.families.names import ENCODER_FOLDER, normal_name
from expunge.bases.ldm import encoder_places
from expunge.bases.parts import parts_of, read_header
from expunge.bases.placement import some
from expunge.bases.spec import Spec
from expunge.core.errors import Problem, shown

Shapes = Mapping[str, tuple[int, ...]]  # {tensor's name: shape}

NOT_PLAIN = ("hada_", "lokr_", "dora_scale")  # in the names of LoRAs that are not read


def header_problems(path: Path, spec: Spec | None = None) -> list[Problem]:
    """What is wrong with an edit by the names and shapes of its tensors.

    :param spec: the base that it must fit; None, or where the base is not on this machine: the form alone is checked.
    :raises InputError: as `external_files.files_of`.
    """
    new: dict[str, dict[str, tuple[int, ...]]] = {"encoder": {}, "denoiser": {}}
    whole, problems, own = set[str](), list[Problem](), shapes_of(spec) if spec is not None else {}
    family = spec.family if spec is not None else None
    for file in files_of(path).values():
        try:
            tensors = read_header(file)
        except ValueError:
            what, fix = "is no safetensors file, or only a part of one", "get it again, whole"
            problems.append(Problem(shown(file), what, fix))
            continue
        kind = kind_of(tensors, family)
        if kind is None:
            problems.append(unknown_kind(shown(file), tensors, family))
        elif kind == "lora":
            problems += _not_plain(shown(file), tensors)
        elif family is None:
            continue
        elif kind == "checkpoint" and (unread := unread_layout(shown(file), family)):
            problems += unread
        elif kind == "checkpoint":
            new["encoder"] |= _in_checkpoint(tensors, own.get("encoder", {}), family)
            whole |= {ENCODER_FOLDER} if new["encoder"] else set()
        elif kind == "denoiser":
            problems += not_carried_over(shown(file), family)
            new["denoiser"] |= {name: tensors[key] for name, key in denoiser_names(tensors, family).items()}
        else:
            part = encoder_of(file, family)
            new["encoder"] |= _encoder_shapes(tensors, family, part)
            whole.add(part)
    if family is None:
        return problems
    for part, shapes in own.items():
        needed = needed_names(shapes, whole, family) if part == "encoder" else set()
        problems += misfits(shown(path), part, new[part], shapes, needed)
    return problems


def misfits(where: str, part: str, new: Shapes, own: Shapes, needed: Collection[str]) -> Iterator[Problem]:
    """Why tensors are not those of the base's "encoder" or "denoiser": no place, other shapes, missing ones.

    :param needed: names of the tensors that must be there: those of an encoder, of which a LoRA changes a part.
    """
    unknown = sorted(new.keys() - own.keys())
    other = sorted(name for name in new.keys() & own.keys() if tuple(new[name]) != tuple(own[name]))
    lacking = sorted(set(needed) - new.keys())
    for names, what in (
        (unknown, f"{len(unknown)} tensors have no place in the base's {part}"),
        (other, f"{len(other)} tensors have another shape than in the base's {part}"),
        (lacking, f"lacks {len(lacking)} tensors of the base's {part}"),
    ):
        if names:
            yield Problem(where, f"{what} ({some(names)})", "give an edit of this base, or judge it in its own base")


def shapes_of(spec: Spec) -> dict[str, dict[str, tuple[int, ...]]]:
    """{"encoder", "denoiser": the shapes of a base's tensors by name}, as far as headers on this machine tell."""
    parts, family = parts_of(spec).parts, spec.family
    encoders = {part: each for part in family.ENCODERS if (each := parts.get(f"t2i.{part}")) is not None}
    checkpoint, denoiser = parts.get("t2i.checkpoint"), parts.get(f"t2i.{family.DENOISER}")
    found: dict[str, dict[str, tuple[int, ...]]] = {}
    if checkpoint is not None:
        names = family.encoder_shapes(encoders[ENCODER_FOLDER].config) if encoders else {}
        found["encoder"] = _in_checkpoint(checkpoint.tensors, names, family)
    elif spec.t2i.source is not None and not spec.t2i.source.single:
        known = [_encoder_shapes(each.tensors, family, part) for part, each in encoders.items()]
        every = len(known) == len(family.ENCODERS) and all(known)
        found["encoder"] = {name: shape for each in known if every for name, shape in each.items()}
        found["denoiser"] = dict(denoiser.tensors) if denoiser is not None else {}
    if spec.inversions:  # they lengthen the table of tokens when the base is loaded
        found["encoder"] = {}
    return {part: shapes for part, shapes in found.items() if shapes}


def unknown_kind(where: str, names: Iterable[str], family: Family | None) -> Problem:
    """The problem of a file that is nothing that is read."""
    fix = "give an encoder, a denoiser, a checkpoint or a LoRA" + (f" of {family.NAME}" if family is not None else "")
    return Problem(where, f"is of a kind that is not known ({some(list(names)) or 'it holds no tensor'})", fix)


def unread_layout(where: str, family: Family) -> list[Problem]:
    """The problem of a checkpoint of one file, where the family's models are not read of such (bases/ldm.py)."""
    if "single-file" in family.EXPORTS:
        return []
    what = f"is a checkpoint of one file, and none of {family.NAME} is read"
    return [Problem(where, what, f"give a folder of diffusers with `{ENCODER_FOLDER}/` and `{family.DENOISER}/`")]


def not_carried_over(where: str, family: Family) -> list[Problem]:
    """The problem of a changed T2I denoiser, where the T2V denoiser has other layers, which would stay as they are."""
    if family.CARRIES_OVER:
        return []
    what = f"changes the denoiser of pictures, and that of videos of {family.NAME} has other layers"
    return [Problem(where, what, "give an edit of the text encoder alone")]


def _not_plain(where: str, names: Iterable[str]) -> list[Problem]:
    unread = [name for name in names if any(mark in name for mark in NOT_PLAIN)]
    what = f"{len(unread)} tensors are of a kind that is not read ({some(unread)})"
    return [Problem(where, what, "give a plain LoRA (no DoRA, LoHa or LoKr), or the merged model")] if unread else []


def _encoder_shapes(tensors: Shapes, family: Family, part: str) -> dict[str, tuple[int, ...]]:
    return {name: tensors[key] for name, key in encoder_names(tensors, family, part).items()}


def _in_checkpoint(tensors: Shapes, own_names: Iterable[str], family: Family) -> dict[str, tuple[int, ...]]:
    """The shapes of the text encoder's tensors in a checkpoint of one file, named as in `normal_name`."""
    shapes = {}
    for name, place in encoder_places(tensors, [family.stored_name(name) for name in own_names]).items():
        rows, *rest = tensors[place.key]
        shapes[normal_name(name)] = (rows if place.third is None else rows // 3, *rest)
    return shapes
