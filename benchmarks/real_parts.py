"""What real_size measures: each part calls what a stage calls, on a loaded base, and gives seconds and work by row.

PARTS["encode"](base, steps, words)    {"encode": (seconds, {"float32": flops})}

`steps` calls are timed after the first; if that is 0, the first itself. `words` of the vocabulary are kept.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any
from unittest.mock import patch

import torch

from benchmarks.work import Work, seconds, synchronise
from expunge.bases import vocabulary_sums
from expunge.bases.base import Base
from expunge.bases.condition import condition_of
from expunge.bases.denoising import predict_noise
from expunge.bases.text import encode_prompts
from expunge.concepts.concept import Concept
from expunge.concepts.prompt_file import read_prompts
from expunge.concepts.prompts import kept_prompts, training_templates
from expunge.forgetting import train
from expunge.methods import ConceptData, unlearn
from expunge.methods import solve as solving

PROMPTS, IMAGES = 8, 4  # encoded at once; images of a concept
# A step as it is published, or by default; of `ablate` one picture in place of eight, and of `esd` the loss alone: the
# samples before it take half of the sampler's steps, with guidance.
STEPS: dict[str, dict[str, Any]] = {
    "distil": {},
    "few-shot": {"batch": 2},
    "ablate": {"batch": 1},
    "esd": {"batch": 1},
}
TIMED = tuple[float, dict[str, float]]  # seconds, flops
THINGS = ("cat", "boat", "tower", "engine", "bear", "lamp", "river", "garden", "horse", "clock")
LOOKS = ("red", "old", "tiny", "royal", "iron", "paper", "north", "silver", "lazy", "green")


def concepts(base: Base, count: int) -> tuple[list[ConceptData], list[str]]:
    """(as many concepts with names like "a red cat of the old boat", what is kept)."""
    prompts, data, found = read_prompts(base.spec.prompts), [], []
    shape = base.spec.raw["latents"]["picture"]
    for i in range(count):
        look, thing, other = LOOKS[i % 10], THINGS[i // 10 % 10], THINGS[i // 100 % 10]
        name = f"a {look} {thing} of the old {other}"
        concept = Concept(f"c{i}", name, "object", anchor=f"a {thing}", neighbours=(f"a {look} {other}",))
        templates = training_templates(concept, prompts)
        pictures = tuple(template.replace("{}", f"a {thing}") for template in templates[:IMAGES])
        latents = torch.randn(IMAGES, *shape, generator=torch.Generator().manual_seed(0))
        data.append(ConceptData(concept, latents, (name,), templates, pictures, (f"a {thing}",)))
        found.append(concept)
    return data, kept_prompts(found, prompts)


def timed(call: Callable[[], Any], steps: int) -> TIMED:
    """(the mean of `steps` calls after the first, or the first if that is 0; the work of one)."""
    with Work() as work:
        first = seconds(call)
    again = [seconds(call) for _ in range(steps)]
    return sum(again) / steps if steps else first, work.flops


def encode(base: Base, steps: int) -> dict[str, TIMED]:
    texts = [f"a photo of a {look} cat in a meadow" for look in LOOKS[:PROMPTS]]
    with torch.no_grad():
        return {"encode": timed(lambda: encode_prompts(base, texts), steps)}


def denoise(base: Base, steps: int, kind: str) -> dict[str, TIMED]:
    """One call of the denoiser for one sample; with guidance, a step of the sampler takes two."""
    noise = torch.randn(1, *base.spec.raw["latents"][kind], device=base.device)
    t = torch.tensor([500], device=base.device)
    with torch.no_grad():
        text = condition_of(base, ["a photo of a cat in a meadow"])
        return {kind: timed(lambda: predict_noise(base, noise, t, text), steps)}


def solve(base: Base, steps: int, words: int, count: int) -> dict[str, TIMED]:
    """So many concepts in one encoder: what is made once a base, its vocabulary's embeddings and sums; the pass through
    the layers; the rest, which decides what means what; and all but what is made once."""
    data, kept = concepts(base, count)
    name = "solve" if count == 1 else f"solve {count}"

    def run() -> None:
        train(base, data, kept, "solve", {"others": words}, 0)

    made = [(solving, "known_words"), (vocabulary_sums, "vocabulary_sums")]
    with Work() as work, aside(made, work) as once, aside([(solving, "solved")], work) as layers:
        whole = seconds(run)
    all_but = less((whole, work.flops), once)
    again = [seconds(run) for _ in range(steps)]
    return {
        f"{name}, once": once, f"{name}, layers": layers, f"{name}, rest": less(all_but, layers),
        name: (sum(again) / steps, all_but[1]) if steps else all_but,
    }  # fmt: skip


def less(whole: TIMED, part: TIMED) -> TIMED:
    return whole[0] - part[0], {kind: done - part[1].get(kind, 0.0) for kind, done in whole[1].items()}


@contextmanager
def aside(functions: Sequence[tuple[Any, str]], work: Work) -> Iterator[Any]:
    """[seconds, flops] that are spent in functions, each given by its module and name; they grow while these run."""
    spent: list[Any] = [0.0, dict[str, float]()]

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            before, start = dict(work.flops), time.perf_counter()
            result = call(*args)
            synchronise()
            spent[0] += time.perf_counter() - start
            for kind, done in work.flops.items():
                spent[1][kind] = spent[1].get(kind, 0.0) + done - before.get(kind, 0.0)
            return result

        return run

    with ExitStack() as stack:
        for module, name in functions:
            stack.enter_context(patch.object(module, name, counted(getattr(module, name))))
        yield spent


def closed_form(base: Base, steps: int, words: int) -> dict[str, TIMED]:
    data, kept = concepts(base, 1)
    return {"uce": timed(lambda: train(base, data, kept, "uce", {"others": words}, 0), steps)}


def step_of(base: Base, steps: int, words: int, method: str) -> dict[str, TIMED]:
    """A step of training, and what comes before the first one."""
    knobs = dict(STEPS[method])
    if method == "distil":
        knobs["others"] = words
    if method == "esd":
        base = replace(base, spec=replace(base.spec, t2i=replace(base.spec.t2i, steps=1)))
        knobs |= {} if base.spec.family.CROSS_ATTENTION else {"trained": "full"}
    data, kept = concepts(base, 1)

    def times(count: int, work: Work | None = None) -> list[tuple[float, dict[str, float]]]:
        marks = [(time.perf_counter(), dict[str, float]())]

        def log(step: int, loss: float) -> None:
            synchronise()
            marks.append((time.perf_counter(), dict(work.flops) if work else {}))

        unlearn(method, base, data, kept, {**knobs, "steps": count}, 0, log)
        return marks

    with Work() as work:
        (start, _), (one, until), (two, then) = times(2, work)
    flops = {kind: then[kind] - until.get(kind, 0.0) for kind in then}
    step = two - one
    if steps:
        marks = times(steps + 1)
        step = (marks[-1][0] - marks[1][0]) / steps
    found = {f"{method} step": (step, flops)}
    if method == "distil":
        before = {kind: until[kind] - flops.get(kind, 0.0) for kind in until}
        found["distil, once"] = (one - start - (two - one), before)
    return found


# {part: (base, steps, words) -> {row: (seconds, flops)}}
PARTS: dict[str, Callable[[Base, int, int], dict[str, TIMED]]] = {
    "encode": lambda base, steps, words: encode(base, steps),
    "picture": lambda base, steps, words: denoise(base, steps, "picture"),
    "video": lambda base, steps, words: denoise(base, steps, "video"),
    "uce": closed_form,
    **{method: partial(step_of, method=method) for method in STEPS},
    "solve": partial(solve, count=1),
    "solve-100": partial(solve, count=100),
    "solve-1000": partial(solve, count=1000),
}
USUAL = [part for part in PARTS if not part.startswith("solve-")]
