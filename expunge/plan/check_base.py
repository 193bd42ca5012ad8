"""What is wrong with a base, in one go: by its files for the stage plan, by loading all of it for `expunge check-base`.

base_file_problems(spec)      seconds, no torch
check_base(spec)              loads the two pipelines and the judge, one after the other
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from expunge.bases.base_digest import base_parts
from expunge.bases.check import base_problems
from expunge.bases.hub import find_folder, resolve
from expunge.bases.lock import on_trial, record
from expunge.bases.sources import needed_sources
from expunge.bases.spec import Spec
from expunge.concepts.kinds import KINDS
from expunge.concepts.prompt_file import read_prompts
from expunge.core.errors import InputError, Problem, in_order
from expunge.judging.judge_digest import judge_parts
from expunge.judging.judges import judge_problems, load_judge


def base_file_problems(spec: Spec, kinds: Iterable[str] = KINDS) -> list[Problem]:
    """What the files of a base tell without loading a model. :param kinds: as in `read_prompts`."""
    found: list[Problem] = []
    for look in (lambda: base_problems(spec), lambda: judge_problems(spec), lambda: read_prompts(spec.prompts, kinds)):
        result = _attempt(look, found)
        found += result if isinstance(result, list) else []
    return in_order(found)


def check_base(spec: Spec) -> list[Problem]:
    """Everything that is wrong with a base. It is loaded part by part, also where a part before has failed.

    Where nothing is wrong, what the base's file does not pin is recorded in its lock; else the lock stays as it is.
    """
    spec = on_trial(spec)
    found = base_file_problems(spec)
    for digests in (base_parts, judge_parts):  # what is pinned must be what is there
        _attempt(partial(digests, spec), found)
    _load_models(spec, found)
    _attempt(lambda: load_judge(spec), found)
    if not found:
        record(spec)
    return in_order(found)


def repositories_not_here(spec: Spec) -> list[str]:
    """The repositories of a base of which the hub's cache holds nothing, in order: their files go unchecked."""
    sources = [needed.source for needed in needed_sources(spec).values()]
    sources += [spec.judge.weights] if spec.judge.weights is not None else []
    missing = [str(source.repo) for source in sources if source.repo and find_folder(spec, source) is None]
    return list(dict.fromkeys(missing))


def _load_models(spec: Spec, found: list[Problem]) -> None:
    """Load both pipelines and let them go again."""
    from expunge.bases.additions import add_all
    from expunge.bases.pipelines import load_t2i, load_t2v, load_video_parts, quiet, training_schedule

    with quiet():
        loaded = _attempt(lambda: load_t2i(spec), found)
        if loaded is None:
            _attempt(lambda: load_video_parts(spec), found)
            if (own := needed_sources(spec).get("t2v")) is not None:
                _attempt(partial(resolve, spec, own.source, own.files, own.optional), found)
            return
        _attempt(lambda: training_schedule(spec, loaded[0]), found)
        video = _attempt(lambda: load_t2v(spec, loaded[0]), found)
        _attempt(lambda: add_all(spec, loaded[0], video), found)


def _attempt(call: Callable[[], Any], found: list[Problem]) -> Any:
    """What a call returns; None if it fails, and then its problems are added to `found`."""
    try:
        return call()
    except InputError as error:
        found += error.problems
        return None
