"""Judges by name. To add one, add one file to this folder:

    # expunge/judging/judges/siglip.py, for bases with `judge: {type: siglip, ...}`
    def load(spec: Spec, device: torch.device) -> Judge:
        return make_judge(model, tokenise, preprocess, templates, labels, device=device)

`spec.judge.settings` is the section `judge:` of the base's file, with whatever keys the judge wants. A hyphen in
`type` becomes an underscore in the module's name. `model` needs `encode_image(pixels, normalize=True)` and
`encode_text(ids, normalize=True)`, each giving (N, D), and the tensor `logit_scale`: cosines times its exponential are
the logits.

Three more names are optional. `files(spec) -> {name: path}` returns the files that the judge loads; they enter its
digest. Without it, all files below `model`, `vocabulary` and `motion` enter the digest. `PACKAGES` lists distributions
whose versions enter it too. `problems(spec) -> [Problem]` says what is wrong with the judge's files, for the stage
plan and `expunge check-base`; it loads no model. Import torch inside functions, so that planning does not import it.
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

    :param extra: (axis, name) pairs that lists ask about; unknown ones are added to the vocabulary.
    :raises InputError: weights or vocabulary are missing or broken, the type is unknown, or the judge does not know a
        motion.
    """
    from expunge.judging.judge import with_names

    return with_names(module_of(spec).load(spec, choose_device(spec)), extra)


def judge_problems(spec: Spec) -> list[Problem]:
    """What is wrong with a base's judge as far as its files tell. Imports no torch."""
    try:
        module = module_of(spec)
    except InputError as error:
        return error.problems
    return list(module.problems(spec)) if hasattr(module, "problems") else []


def module_of(spec: Spec) -> Any:
    """The module that a base's `judge: {type: ...}` names.

    :raises InputError: there is no such module.
    """
    types = names()
    if spec.judge.type not in types:
        what = f"there is no judge of the type {spec.judge.type!r}"
        raise InputError([Problem(spec.judge.where, what, did_you_mean(spec.judge.type, types))])
    return import_module(f"{__name__}.{spec.judge.type.replace('-', '_')}")


def names() -> list[str]:
    """The judge types that a base's file can name."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))
