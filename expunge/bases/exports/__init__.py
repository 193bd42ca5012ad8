"""Unlearned encoders in the formats of other programs, one file per format. Choosing a format does not import torch.

    export(order, "single-file", Path("out.safetensors"))

A format is a file of this folder with the function

    write(order, out) -> list[str]         writes the new file or folder `out`; returns notes for the user

and an entry in FORMATS. `export` refuses what a format cannot hold, and moves the result into place when it is whole.
"""

import importlib
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from expunge.bases.change_mark import is_change
from expunge.core.errors import InputError, Problem, shown
from expunge.core.files import write_aside

if TYPE_CHECKING:
    from expunge.bases.spec import Spec

MARK = "expunge.json"  # in a folder that `export` wrote, so that --force replaces no other folder
DTYPES = ("float16", "float32")


@dataclass(frozen=True)
class Format:
    module: str
    holds: str  # in words, for refusals
    denoiser: bool = False  # can it hold a changed denoiser?
    into: bool = False  # does it need a checkpoint to write into?
    suffix: str = ""  # of the file's name; "": the format is a folder


FORMATS = {
    "diffusers": Format("diffusers_folder", "a pipeline", denoiser=True),
    "single-file": Format("single_file", "a checkpoint", denoiser=True, into=True, suffix=".safetensors"),
    "lora": Format("lora", "low-rank changes of the text encoder", suffix=".lora.safetensors"),
    "comfyui": Format("comfyui", "a text encoder", suffix=".clip.safetensors"),
    "encoder": Format("encoder_folder", "a text encoder"),
}
RELEASED = tuple(form for form in FORMATS if form != "encoder")  # what a release can hold beside its encoder


@dataclass(frozen=True)
class Order:
    """What is exported, and how."""

    name: str  # "list/encoder"
    method: str
    folder: Path  # what `save_edit` wrote
    spec: "Spec"  # the base that the encoder belongs to
    dtype: str | None = None  # one of DTYPES; None: as stored
    into: Path | None = None  # the checkpoint to write into
    card: str = ""  # README.md of a folder: its model card

    @property
    def about(self) -> dict[str, str]:
        """Where the export comes from, for its metadata."""
        return {"encoder": self.name, "method": self.method, "base": self.spec.name}


def export(order: Order, format_: str, out: Path, force: bool = False) -> list[str]:
    """Write an encoder in a format; returns notes for the user.

    The result is written aside and then renamed, so `out` is never a part of it.

    :param force: replace an earlier export.
    :raises InputError: the format cannot hold what the method changed, an option does not fit, `out` is there, or
        something cannot be read or written.
    """
    problems = [*_refusals(order, format_), *_taken(order, out, force, folder=not FORMATS[format_].suffix)]
    if problems:
        raise InputError(problems)
    write = importlib.import_module(f"{__name__}.{FORMATS[format_].module}").write
    notes: list[str] = []
    try:
        with _whole(order, out.parent) as whole:
            if FORMATS[format_].suffix:
                write_aside(out, lambda part: notes.extend(write(whole, part)))
            else:
                _write_folder_aside(order, out, lambda part: notes.extend(write(whole, part)))
    except OSError as error:
        raise InputError(
            [Problem(shown(out), f"cannot be written ({error.strerror})", "write another --out")]
        ) from None
    return notes


@contextmanager
def _whole(order: Order, aside: Path) -> Iterator[Order]:
    """The order with a folder that holds the encoder whole: its own, or for a while one that is made of its change.

    :param aside: the folder in which it is made.
    """
    if not is_change(order.folder):
        yield order
        return
    from expunge.bases.base import load
    from expunge.bases.change import read_change, write_whole

    base, family = load(order.spec), order.spec.family
    edit = read_change(order.folder, family, base.encoder, base.encoder_dtype, base.device)
    aside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".whole.", dir=aside) as made:
        write_whole(edit, order.folder, Path(made), family, base.encoder_dtype)
        yield replace(order, folder=Path(made))


def _refusals(order: Order, format_: str) -> Iterator[Problem]:
    chosen, family = FORMATS[format_], order.spec.family
    if format_ not in family.EXPORTS:
        what = f"there is no {format_} of {family.NAME}"
        yield Problem("--to", what, f"write --to {' or --to '.join(family.EXPORTS)}")
        return
    if chosen.into and order.into is None:
        yield Problem("--into", f"{format_} needs a checkpoint to write into", "write --into CHECKPOINT.safetensors")
    if not chosen.into and order.into is not None:
        yield Problem(
            "--into", f"{format_} is not written into a checkpoint", "take --into out, or write --to single-file"
        )
    if chosen.into and order.dtype is not None:
        yield Problem("--dtype", "the tensors keep the dtype that they have in the checkpoint", "take --dtype out")
    if (order.folder / "unconditional.safetensors").is_file():
        what = f"the method {order.method} changed the empty prompt's embedding, which {chosen.holds} cannot hold"
        fix = "pass unconditional.safetensors as negative_prompt_embeds in your own code, or use another method"
        yield Problem(order.name, what, fix)
    if (order.folder / "denoiser.safetensors").is_file() and not chosen.denoiser:
        what = f"the method {order.method} changed the denoiser, and --to {format_} holds {chosen.holds} alone"
        fix = "write --to diffusers, or --to single-file --into CHECKPOINT: without the denoiser the concept is back"
        yield Problem(order.name, what, fix)


def _taken(order: Order, out: Path, force: bool, folder: bool) -> Iterator[Problem]:
    if not out.exists() and not out.is_symlink():
        return
    what = "is there already"
    if folder:
        if not out.is_dir() or (any(out.iterdir()) and not (out / MARK).is_file()):
            yield Problem(shown(out), f"{what}, and is no export of expunge", "write another --out")
        elif not force and any(out.iterdir()):
            yield Problem(shown(out), what, "write --force to replace it, or another --out")
    elif not out.is_file():
        yield Problem(shown(out), f"{what}, and is no file", "write another --out")
    elif not force:
        yield Problem(shown(out), what, "write --force to replace it, or another --out")
    elif order.into is not None and order.into.exists() and order.into.samefile(out):
        yield Problem(shown(out), "is the checkpoint that is read", "write another --out")


def _write_folder_aside(order: Order, out: Path, write: Callable[[Path], object]) -> None:
    """Fill a folder beside `out` and rename it; an earlier one is removed once the new one is in its place."""
    out.parent.mkdir(parents=True, exist_ok=True)
    part, old = (out.with_name(f".{out.name}.{uuid.uuid4().hex}.{word}") for word in ("part", "old"))
    part.mkdir()
    try:
        write(part)
        if order.card:
            (part / "README.md").write_text(order.card, "utf-8", newline="")
        (part / MARK).write_text(json.dumps(order.about, indent=1) + "\n", "utf-8")
        if out.exists():
            os.replace(out, old)
        try:
            os.replace(part, out)
        except OSError:
            if old.exists():
                os.replace(old, out)
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
