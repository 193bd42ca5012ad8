"""The model card of an encoder as it is made: what it is, how to load it, what is changed beside it.

    text = encoder_card(Made(("objects/fire-engine",), "solve", "", ("model.safetensors",),
                             "StableDiffusionPipeline"))

It lies in the encoder's folder, which is measured afterwards, so it holds no number: the record has them, and the card
that `expunge export` and `expunge release` hand on (expunge.records.card). It holds nothing that the key of the
encoder's unit does not depend on, such as the encoder's own name: a unit is reused under another. Concepts are named
by their ids alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from expunge.bases.change_mark import MARK
from expunge.bases.families import family_of

PARTS = {  # what an encoder's folder may hold beside config.json
    "model.safetensors": "the text encoder, whole",
    "text_encoder_2/model.safetensors": "the second text encoder, whole; its config.json lies beside it",
    "denoiser.safetensors": "a change of the denoiser, to be added to its tensors of the same names",
    "unconditional.safetensors": "the embedding of the empty prompt: pass it as `negative_prompt_embeds`",
    "adapter.safetensors": "the change alone; taken away from the encoder again, it gives the original back",
    MARK: "the sha256 of the text encoder, made whole of the change",
}
WHOLE = """\
```python
import torch
from diffusers import {pipeline}
from transformers import {classes}

dtype = torch.float32  # the same in {lines} lines
{loaded}
pipeline = {pipeline}.from_pretrained(BASE, {given}, dtype=dtype)
```

It takes the place of the base's text encoder in every pipeline that has that very encoder, for pictures and for videos;
`expunge compatible` says whether one has."""
PIPELINE = """\
```python
from diffusers import {pipeline}

pipeline = {pipeline}.from_pretrained("FOLDER")
```

Of the base's settings it keeps the scheduler alone."""
PARTLY = """\
**The text encoder by itself is not the whole change**: another part of it lies in {others}. A pipeline that loads the
encoder alone draws with a part of the change, or with none. `expunge export` writes the whole of it, or refuses."""


CHANGE = """\
The change alone is stored: `adapter.safetensors` holds factors A and B for each layer, and the unlearned weights are
W + B A. `expunge export LIST/ENCODER --to encoder` makes the folder that transformers loads, the same on every
machine; `change.json` says which bytes its weights will have."""


@dataclass(frozen=True)
class Made:
    """How an encoder was made."""

    concepts: Sequence[str]  # "list/id"
    method: str
    repository: str  # of the hub that the base comes from, such as "owner/name"; "" where it is local
    files: Sequence[str]  # of its folder
    pipeline: str  # of the T2I model: its class in diffusers


def encoder_card(made: Made, arguments: str = '"FOLDER"') -> str:
    """The card as text. :param arguments: as in `how_to_load`."""
    return card_of(metadata(made, arguments), _BODY.format(
        concepts=", ".join(made.concepts), method=made.method, base=made.repository or "its base",
        load=how_to_load(made, arguments), files=table_of(made.files),
    ))  # fmt: skip


def metadata(made: Made, arguments: str) -> dict[str, Any]:
    """What the hub reads at the top of a card."""
    return {
        "base_model": made.repository or None,
        "library_name": "transformers" if arguments else "diffusers",
        "tags": ["text-encoder", "concept-unlearning", "text-to-image", "text-to-video", "expunge", made.method],
    }


def card_of(data: dict[str, Any], body: str) -> str:
    """A card of its metadata and its text."""
    from huggingface_hub import ModelCardData

    return f"---\n{ModelCardData(**data).to_yaml()}\n---\n\n{body}"


def how_to_load(made: Made, arguments: str) -> str:
    """:param arguments: of the encoder's `from_pretrained`, as Python writes them; "": a whole pipeline is loaded."""
    if not arguments:
        return PIPELINE.format(pipeline=made.pipeline)
    if MARK in made.files:
        return CHANGE
    if others := [name for name in ("denoiser.safetensors", "unconditional.safetensors") if name in made.files]:
        return PARTLY.format(others=" and ".join(f"`{name}`" for name in others))
    encoders = family_of(made.pipeline).ENCODERS
    names = {part: part.removeprefix("text_") for part in encoders}
    loaded = [
        f"{names[part]} = {kind}.from_pretrained({_within(arguments, part) if i else arguments}, dtype=dtype)"
        for i, (part, kind) in enumerate(encoders.items())
    ]
    return WHOLE.format(
        classes=", ".join(encoders.values()), loaded="\n".join(loaded), pipeline=made.pipeline,
        given=", ".join(f"{part}={name}" for part, name in names.items()), lines="both" if len(names) == 1 else "all",
    )  # fmt: skip


def _within(arguments: str, folder: str) -> str:
    """The arguments of `from_pretrained` for a folder within the one that `arguments` name."""
    place, _, within = arguments.partition(', subfolder="')
    return f'{place}, subfolder="{within.removesuffix(chr(34))}{"/" if within else ""}{folder}"'


def table_of(files: Sequence[str]) -> str:
    """The files that a folder holds, and what each is."""
    rows = [f"| `{name}` | {what} |" for name, what in PARTS.items() if name in files]
    return "\n".join(["| file | |", "|---|---|", *rows]) if rows else "Those of a pipeline of diffusers."


_BODY = """\
# An unlearned text encoder

The text encoder of {base}, changed by the method `{method}` to make the models that share it forget
{concepts}.

{load}

{files}

This page was written before anything was measured, so it holds no number. Those are in the record of this encoder, in
`audit/`, and in the card that `expunge export` and `expunge release` write (`model-index`). Nothing is claimed as
removed: the original encoder, put back in, undoes the change.

The licence is that of the base.
"""
