"""Judges by name. A new one is one file in this folder:

    # expunge/judging/judges/siglip.py, for bases with `judge: {type: siglip, ...}`
    def load(spec: Spec, device: torch.device) -> Judge:
        return make_judge(model, tokenise, preprocess, templates, labels, device=device)

`spec.judge.settings` is the section `judge:` of the base's file, with whatever keys the judge wants; a `type` with a
hyphen is a module with an underscore. `model` needs `encode_image(pixels, normalize=True)` and `encode_text(ids,
normalize=True)`, each giving (N, D), and `logit_scale`, a tensor: its exponential multiplies cosines into logits.

Two more names are optional. `files(spec) -> {name: path}` are the files that the judge loads, for its digest; without
it all files below `model`, `vocabulary` and `motion` count. `PACKAGES` are distributions whose version counts. Import
torch inside functions, so that the plan need not.
"""

import pkgutil
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from expunge.bases.arithmetic import choose_device
from expunge.bases.spec import Spec
from expunge.core.errors import InputError, Problem
from expunge.core.schema import did_you_mean


def load_judge(spec: Spec, extra: Iterable[tuple[str, str]] = ()) -> Any:
    """The `expunge.judging.judge.Judge` of a base, on the base's device.

    :param extra: (axis, name) pairs that lists ask about; unknown ones join the vocabulary.
    :raises InputError: weights or vocabulary are missing or broken, the type is unknown, or the judge does not know a
        motion.
    """
    from expunge.judging.judge import with_names

    return with_names(module_of(spec).load(spec, choose_device(spec)), extra)


def module_of(spec: Spec) -> Any:
    """The module that a base's `judge: {type: ...}` names.

    :raises InputError: there is none.
    """
    types = names()
    if spec.judge.type not in types:
        what = f"there is no judge of the type {spec.judge.type!r}"
        raise InputError([Problem(spec.judge.where, what, did_you_mean(spec.judge.type, types))])
    return import_module(f"{__name__}.{spec.judge.type.replace('-', '_')}")


def names() -> list[str]:
    """The types that a base's file can name."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))
