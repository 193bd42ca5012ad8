"""Exports that go along with a release, below exports/: what `expunge export` writes, from the very files tested.

    notes = write_exports(root, part / "exports", record, source, ["comfyui"], None)

None goes along unless it is asked for: encoder/ is what is put to use, and a pipeline or a checkpoint holds all of the
base, which has its own licence.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from expunge.bases.exports import FORMATS, Order, export
from expunge.bases.spec import load_spec
from expunge.core.errors import InputError, Problem
from expunge.core.unit_names import Name
from expunge.records.card import record_card
from expunge.records.facts import facts_of


def write_exports(
    root: Path, out: Path, record: Mapping[str, Any], source: Path, forms: Sequence[str], into: Path | None
) -> list[str]:
    """Write each form once; returns notes for the user.

    :param root: the repository. :param source: the encoder's folder. :param into: the checkpoint of single-file.
    :raises InputError: the base is another than at the run, or a form cannot hold what the method changed.
    """
    told, notes = record["predicate"], list[str]()
    spec = load_spec(told["base"]["name"], root / "bases")
    if any(FORMATS[form].denoiser for form in forms):  # which hold more of the base than its text encoder
        from expunge.bases.base_digest import base_parts

        if base_parts(spec)["files"] != told["base"]["parts"]["files"]:
            what = f"the base's files are not those that {told['encoder']} was made with"
            raise InputError([Problem(spec.file.as_posix(), what, "run `dvc repro`, or bring the old files back")])
    name = Name.parse(told["encoder"]).id
    for form in dict.fromkeys(forms):
        card = "" if FORMATS[form].suffix else record_card(facts_of(record), [], "")
        target = into if FORMATS[form].into else None
        order = Order(told["encoder"], told["method"], source, spec, None, target, card)
        file = f"{name}{FORMATS[form].suffix}" if target is None else f"{target.stem}.{name}{FORMATS[form].suffix}"
        notes += export(order, form, out / (file if FORMATS[form].suffix else form))
    return notes


def export_problems(forms: Sequence[str], into: Path | None, adapter: bool) -> Iterable[Problem]:
    """What is wrong with the forms that were asked for, before anything is written.

    :param adapter: was it asked for that the change may go along?
    """
    if "lora" in forms and not adapter:
        what = "a LoRA is the change alone: subtracting it gives the original encoder back"
        yield Problem("--export lora", what, "write --adapter, too, if whoever receives it may have the original")
    if "single-file" in forms and into is None:
        yield Problem("--export single-file", "needs a checkpoint", "write --into CHECKPOINT.safetensors")
    if into is not None and "single-file" not in forms:
        yield Problem("--into", "no form is written into a checkpoint", "take it out, or write --export single-file")
