"""Did a pipeline share the text encoder that an unlearned one takes the place of? Answered by digests of tensors.

    answer = compatible(read_record(Path("audit/objects/fire-engine.json")), Path("models/animatediff"))
    answer.how          SAME, CAST or ANOTHER

Only a pipeline that had the original encoder draws what was tested; any other of the same shape loads the new one, and
draws something else.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from expunge.bases.families import Family, family_of
from expunge.core.errors import InputError, Problem
from expunge.records.changes import tensors_of_encoders
from expunge.records.tensors import types_of

PART = re.compile(r"model-\d+-of-\d+\.safetensors")
SAME, ANOTHER = "has the original text encoder", "has another text encoder"
CAST = "has the original text encoder, after a cast to float16"


@dataclass(frozen=True)
class Answer:
    """What a pipeline has, and the names of tensors that tell them apart."""

    how: str
    files: tuple[Path, ...]
    differ: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()  # in the pipeline
    unknown: tuple[str, ...] = ()  # to the original

    @property
    def fits(self) -> bool:
        return self.how != ANOTHER


def compatible(record: Mapping[str, Any], pipeline: Path) -> Answer:
    """:param record: of the encoder. :param pipeline: a folder of diffusers' form, or that of a text encoder alone.

    :raises InputError: the record does not hold the original's digests, or there are no weights that can be read.
    """
    base = record["predicate"]["base"]
    if base["tensors"] is None:
        what = f"the record of {record['predicate']['encoder']} does not hold the digests of the original's tensors"
        raise InputError([Problem("base.tensors", what, "run `dvc repro --force attest` where the base lies")])
    originals = encoders_in(pipeline, family_of(base["parts"]["t2i.pipeline"]))
    files = tuple(file for each in originals.values() for file in each)
    try:
        found = tensors_of_encoders(originals)
    except ValueError as error:
        raise InputError([Problem(pipeline.as_posix(), str(error), "get it again, whole")]) from None
    own = base["tensors"]
    differ = sorted(name for name in own.keys() & found.keys() if own[name] != found[name])
    missing, unknown = sorted(own.keys() - found.keys()), sorted(found.keys() - own.keys())
    if differ or missing or unknown:
        return Answer(ANOTHER, files, tuple(differ), tuple(missing), tuple(unknown))
    exact = set(types_of(files)) == set(base["stored"]) == {"F16"}  # the digests are of float16
    return Answer(SAME if exact else CAST, files)


def encoders_in(pipeline: Path, family: Family) -> dict[str, tuple[Path, ...]]:
    """{part: files of its weights} of each text encoder. :raises InputError: one has none."""
    return {
        part: weights_of(pipeline, part, [pipeline] if place == 0 else []) for place, part in enumerate(family.ENCODERS)
    }


def weights_of(pipeline: Path, part: str, others: Sequence[Path]) -> tuple[Path, ...]:
    """The files of a text encoder's weights. :param others: folders where they may lie besides the part's own.

    :raises InputError: there are none."""
    for folder in (pipeline / part, *others):
        plain = folder / "model.safetensors"  # what diffusers takes first; else the parts, else a variant
        parts = sorted(file for file in folder.glob("model*.safetensors") if PART.fullmatch(file.name))
        variants = sorted(folder.glob("model.*.safetensors"))
        if plain.is_file() or parts or variants:
            return (plain,) if plain.is_file() else tuple(parts or variants[:1])
    what = f"holds no {part}/model.safetensors{', and no model.safetensors' if others else ''}"
    fix = "name a pipeline's folder as diffusers saves it, or that of its text encoder"
    raise InputError([Problem(pipeline.as_posix(), what, fix)])
