"""The command that hands an encoder to other programs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from expunge.bases.exports import DTYPES, FORMATS
from expunge.cli.app import app, errors_in_lines, released
from expunge.core.errors import InputError, Problem

Format = StrEnum("Format", list(FORMATS))  # type: ignore[misc]  # mypy wants the names written out
DType = StrEnum("DType", list(DTYPES))  # type: ignore[misc]


@app.command()
@errors_in_lines
def export(
    encoder: Annotated[str, typer.Argument(metavar="LIST/ENCODER", help="An encoder of the last run.")],
    to: Annotated[Format, typer.Option(help="What it is written for.")],
    into: Annotated[
        Path | None, typer.Option(help="single-file: the .safetensors checkpoint to put it into; it is only read.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write; default: a place below build/exports.")] = None,
    dtype: Annotated[DType | None, typer.Option(help="Of the numbers; default: that of the base's files.")] = None,
    force: Annotated[bool, typer.Option(help="Replace an earlier export.")] = False,
    encoders: Annotated[Path, typer.Option(help="What the stage unlearn wrote.")] = Path("build/encoders"),
    plan: Annotated[Path, typer.Option(help="What the stage plan wrote.")] = Path("build/plan/index.json"),
    bases: Annotated[Path, typer.Option(help="The folder of bases.")] = Path("bases"),
) -> None:
    """Write an encoder as diffusers, A1111 and ComfyUI load it.

    diffusers: a whole pipeline in a folder. single-file: a copy of a checkpoint with the unlearned tensors in it.
    lora: the text encoder's change, if it has low rank. comfyui: a text encoder, as ComfyUI loads it.
    encoder: the text encoder's folder. A folder gets a model card, with every number of the record in audit/.
    A format that cannot hold all that the method changed is refused. docs/export.md tells more.
    """
    from expunge.bases.base_digest import base_parts
    from expunge.bases.exports import Order, export
    from expunge.bases.families.names import encoder_folders
    from expunge.bases.spec import load_spec
    from expunge.core.digest import file_digest
    from expunge.core.index import read_index
    from expunge.core.schema import did_you_mean
    from expunge.core.unit_names import Name
    from expunge.methods.encoder_card import Made
    from expunge.plan.contract import read_plan
    from expunge.records.card import card_to_hand_on
    from expunge.records.verify import AUDIT

    if missing := [file for file in (plan, encoders / "index.json") if not file.is_file()]:
        raise InputError([_not_yet(encoder, plan, missing[0])])
    planned, units = read_plan(plan), read_index(encoders).units
    if encoder in planned.encoders and encoder not in units:
        raise InputError([_not_yet(encoder, plan, encoders / encoder)])
    if encoder not in units or encoder not in planned.encoders:
        known = [name for name in units if name in planned.encoders]
        raise InputError([Problem(encoder, "is no encoder of the last run", did_you_mean(encoder, known))])
    folder = encoders / encoder
    damaged = [name for name, sha256 in units[encoder].files.items()
               if name.endswith((".safetensors", ".json"))
               and not ((folder / name).is_file() and file_digest(folder / name) == sha256)]  # fmt: skip
    if damaged:
        what = f"{damaged[0]} is missing, or not what the run wrote"
        raise InputError([Problem(folder.as_posix(), what, "run `dvc checkout build/encoders`, or `dvc repro`")])
    kind = dtype.value if dtype is not None else None
    method, spec = planned.encoders[encoder].method, load_spec(planned.base.name, bases)
    then = planned.base.models.parts.get("files")
    if FORMATS[to.value].denoiser and then is not None and base_parts(spec)["files"] != then:
        what = f"the base's files are not those that {encoder} was made with"
        raise InputError([Problem(spec.file.as_posix(), what, "run `dvc repro`, or bring the old files back")])
    card, about_card = "", ""
    if not FORMATS[to.value].suffix:  # a folder, which the hub shows with a card
        source = spec.t2i.source
        made = Made(planned.encoders[encoder].concepts, method, (source and source.repo) or "", (), spec.t2i.pipeline)
        weights = [(Path(each) / "model.safetensors").as_posix() for each in encoder_folders(spec.family)]
        held, arguments = (weights, '"FOLDER"') if to.value == "encoder" else ([], "")
        card, about_card = card_to_hand_on(AUDIT / f"{encoder}.json", made, units[encoder].files, held, arguments)
    order = Order(encoder, method, folder, spec, kind, into, card)
    name = Name.parse(encoder).stem if into is None else f"{into.stem}.{Name.parse(encoder).stem}"
    out = out or Path("build/exports") / f"{name}{FORMATS[to.value].suffix}"
    notes = export(order, to.value, out, force)
    for note in filter(None, [*notes, about_card]):
        typer.echo(f"note: {note}", err=True)
    typer.echo(out.as_posix())


def _not_yet(encoder: str, plan: Path, missing: Path) -> Problem:
    """The problem of an encoder that no run has made, or of a name that neither the plan nor a list knows."""
    from expunge.concepts.lists import load_lists
    from expunge.core.schema import did_you_mean
    from expunge.core.unit_names import Name
    from expunge.plan.contract import read_plan

    known: list[str] = []
    try:
        if plan.is_file():
            known = list(read_plan(plan).encoders)
        elif Path("concepts").is_dir():
            lists = load_lists(Path("concepts"))
            known = [str(Name(each.id, member)) for each in lists for member in each.members()] + [*released(lists)]
    except InputError:
        pass  # what is wrong with the plan or the lists, the run says
    if known and encoder not in known:
        return Problem(encoder, "is no encoder of the plan or of a list", did_you_mean(encoder, known))
    pull = ", or `dvc pull`" if _has_remote(Path(".dvc")) else ""
    return Problem(encoder, f"is not unlearned yet ({missing.as_posix()} is missing)", f"run `dvc repro unlearn`{pull}")


def _has_remote(folder: Path) -> bool:
    """Does the configuration of DVC name a remote?"""
    files = [folder / name for name in ("config", "config.local")]
    return any("remote" in file.read_text("utf-8", errors="replace") for file in files if file.is_file())
