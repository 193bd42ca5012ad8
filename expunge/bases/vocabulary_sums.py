"""Sums over prompts of what reaches each linear layer of the original encoder, for methods that solve for its weights.

Those over the kept vocabulary are the same for all encoders of a base. They are computed once and held in memory and,
if the base was loaded with a folder for them, in `<folder>/<key>.safetensors`, where the next process finds them. The
folder holds at most MOST_ON_DISK bytes, or one file; those that were not used for longest are removed.

The sums of a large encoder are many times its weights (T5-XXL: 30 GB). They are not held: each is computed when it is
asked for, layer by layer.
"""

import hashlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from expunge.bases import encoder_layers
from expunge.bases.base import Base
from expunge.bases.base_digest import minor_versions
from expunge.bases.encoder_layers import Walk, batch_of, gram, position_weights, token_ids, tokens_in
from expunge.bases.encoders import layers_of, parts_of
from expunge.core.digest import digest
from expunge.core.files import write_aside

Sums = dict[
    tuple[int, str], Tensor
]  # by depth and first of the linear layers that share an input: sum of x x^T, (in, in) float64

T = TypeVar("T")
PADDING = 4  # positions of padding after the longest prompt that are looked at; they stand for the rest
MOST_NUMBERS = 2**29  # of sums that are held, in float64: those of OpenCLIP-H have 460 million
MOST_ON_DISK = 4 * 2**30  # half a GiB each at Stable Diffusion 1.5's sizes, 5 MB on the embedded base
# What is the same for all concepts that a process unlearns on an encoder.
_ONCE: WeakKeyDictionary[torch.nn.Module, dict[Any, Any]] = WeakKeyDictionary()


def once(base: Base, key: tuple[Any, ...], make: Callable[[], T]) -> T:
    """What `make` returned for this encoder and key when it was called first."""
    made = _ONCE.setdefault(base.encoder, {})
    if key not in made:
        made[key] = make()
    return made[key]


def looked_at(base: Base, prompts: Sequence[str], others: Sequence[str] = (), longest: int = 0) -> Tensor:
    """(N, L) weights of the positions that count: all tokens, and, if the denoiser reads padding, PADDING
    positions after the longest prompt (all positions, if what comes later reaches what stands before).

    :param others: prompts that go with them position by position: where either has a token, it counts as one.
    :param longest: tokens of the longest prompt of all whose sums are added to these or taken from them: what a
        position counts for depends on it.
    """
    own = tokens_in(base, prompts)
    counts = torch.maximum(own, tokens_in(base, others)) if others else own
    if not base.spec.family.READS_PADDING:
        return position_weights(own, int(counts.max()), 0).to(base.device)  # a token counts 1 whatever the length
    whole = base.t2i.tokenizer.model_max_length
    if not base.spec.family.CAUSAL:  # what stands before the padding depends on it
        return position_weights(counts, whole, whole).to(base.device)
    length = min(max(int(counts.max()), longest) + PADDING, whole)
    return position_weights(counts, length, whole).to(base.device)


def sums_of(base: Base, prompts: Sequence[str], longest: int = 0) -> Sums:
    """sum of x x^T over the prompts in the original encoder, rounded to float32 as files hold them.

    :param longest: as of `looked_at`.
    """
    return dict(_each_sum(base, prompts, longest)) if prompts else {}


def _each_sum(base: Base, prompts: Sequence[str], longest: int) -> Iterator[tuple[tuple[int, str], Tensor]]:
    """`sums_of`, one after another."""
    weights = looked_at(base, prompts, longest=longest)
    walk = Walk(base, base.encoder, prompts, weights.shape[1])
    family = base.spec.family
    for depth in range(len(layers_of(family, base.encoder))):
        for name, *_ in family.LINEARS:
            batches = zip(walk.inputs(), weights.split(batch_of(base)), strict=True)
            grams = (gram(x, x, w) for (x, _), w in batches)
            yield (depth, name), sum(grams, torch.zeros((), dtype=torch.float64)).float().double()
        walk.step()


class Passing:
    """Means of x x^T over prompts, by depth and first of the linear layers, each computed when it is asked for.

    They are asked for in the order of the layers, each once; none is held."""

    def __init__(self, base: Base, prompts: Sequence[str], longest: int) -> None:
        self._sums, self._count = _each_sum(base, prompts, longest), len(prompts)

    def __getitem__(self, key: tuple[int, str]) -> Tensor:
        place, own = next(self._sums)
        if place != key:
            raise KeyError(f"{key} is asked for, and {place} is next")
        return own / self._count


def vocabulary_means(base: Base, whole: Sequence[str], gone: Sequence[str]) -> Sums | Passing:
    """The mean of x x^T over the prompts `whole` without those of `gone`, which are among them; {}: none is left."""
    count = len(whole) - len(gone)
    if not count:
        return {}
    longest = int(tokens_in(base, whole).max())
    if _numbers(base) > MOST_NUMBERS:
        without = set(gone)
        return Passing(base, [prompt for prompt in whole if prompt not in without], longest)
    general, less = vocabulary_sums(base, whole), sums_of(base, gone, longest)
    return {key: (each - less.get(key, 0)) / count for key, each in general.items()}


def _numbers(base: Base) -> int:
    """How many numbers the sums of all layers have."""
    family = base.spec.family
    layers = layers_of(family, base.encoder)
    return sum(layer.get_submodule(name).in_features ** 2 for layer in layers for name, *_ in family.LINEARS)


def vocabulary_sums(base: Base, prompts: Sequence[str]) -> Sums:
    """`sums_of` prompts that many encoders keep: from memory, from the base's folder of sums, or computed."""
    return once(base, ("sums", *prompts), lambda: _from_file(base, prompts))


def _from_file(base: Base, prompts: Sequence[str]) -> Sums:
    if base.sums is None or not prompts:
        return sums_of(base, prompts)
    file = base.sums / f"{_key(base, prompts)}.safetensors"
    if file.is_file():
        try:
            stored = load_file(file, str(base.device))
            checked = stored.pop("sha256")
            if bytes(checked.tolist()) == _content(stored):
                with suppress(OSError):  # a folder that may only be read
                    file.touch()
                return {
                    (int(name.split(".")[0]), name.split(".", 1)[1]): each.double() for name, each in stored.items()
                }
        except (OSError, SafetensorError, KeyError):
            pass
        print(f"{file} is damaged; it is computed again", file=sys.stderr)
    sums = sums_of(base, prompts)
    stored = {f"{depth}.{name}": each.float().cpu() for (depth, name), each in sums.items()}
    checked = torch.tensor(list(_content(stored)), dtype=torch.uint8)
    try:
        write_aside(file, lambda part: save_file({**stored, "sha256": checked}, part))
        with suppress(FileNotFoundError):  # another process removed one
            _make_room(base.sums)
    except (OSError, SafetensorError) as error:
        print(f"{file} cannot be written ({error}); the next process computes it again", file=sys.stderr)
    return sums


def _make_room(folder: Path) -> None:
    """Remove the files that were not used for longest, until the rest is no more than MOST_ON_DISK."""
    used = [(file, file.stat()) for file in folder.glob("*.safetensors")]
    total = 0
    for place, (file, state) in enumerate(sorted(used, key=lambda each: each[1].st_mtime_ns, reverse=True)):
        total += state.st_size
        if place and total > MOST_ON_DISK:
            file.unlink(missing_ok=True)


def _key(base: Base, prompts: Sequence[str]) -> str:
    """A digest of all that decides the sums: the encoder's weights, the prompts' tokens, the arithmetic, the code."""
    weights = {name: each.detach().cpu() for name, each in base.encoder.state_dict().items()}
    encoders = parts_of(base.spec.family, base.encoder).values()
    return digest(
        {
            "encoder": [*(each.config.to_json_string() for each in encoders), _content(weights).hex()],
            "tokens": token_ids(base, prompts),
            "positions": base.t2i.tokenizer.model_max_length,
            "device": base.device.type,
            "versions": minor_versions("torch", "transformers"),
            "code": [inspect.getsource(module) for module in (sys.modules[__name__], encoder_layers)],
        }
    )


def _content(tensors: Mapping[str, Tensor]) -> bytes:
    """sha256 of the tensors' names, shapes and numbers."""
    seen = hashlib.sha256()
    for name in sorted(tensors):
        seen.update(f"{name} {tuple(tensors[name].shape)} {tensors[name].dtype} ".encode())
        seen.update(tensors[name].detach().cpu().contiguous().view(torch.uint8).numpy().data)
    return seen.digest()
