"""One pass through the encoder, layer by layer, in which each linear layer is solved for and none is trained.

Let a linear layer with weight W receive x for a token in the original encoder, and x' in the new one, whose layers
before it are solved already. If its output is added to a state, let s and s' be that state; elsewhere both are 0. The
new weight W' minimises

    mean_T |W' x'_T + s'_T - W g - s_g|^2 + keep * mean_K |W' x'_K + s'_K - W x_K - s_K|^2 + e |W' - W|^2
    g = x_A + beyond * (x_A - x_T),  s_g likewise

over all positions of the target's prompts T and of the kept prompts K; A are T with the anchor in the target's place.
`beyond` is 0 for an anchor that is one of the concept's neighbours or a part of it; a wide one ("a monster") may itself
be drawn as the target.
So W' = W + D with D = (W C + R) S^-1 - W and

    S = mean_T x'_T x'_T^T + keep * mean_K x'_K x'_K^T + e I
    C = mean_T g x'_T^T    + keep * mean_K x_K x'_K^T  + e I
    R = mean_T (s_g - s'_T) x'_T^T + keep * mean_K (s_K - s'_K) x'_K^T

R makes each block put right what the blocks before it did not reach. So D needs little precision: of all matrices of
low rank, the one is taken that is nearest in what it does, tr(D S D^T), up to the share `error`. It is what is stored.

Names stand in the base's templates and in `contexts` more, in which words of the vocabulary stand around them. Each
concept weighs the same in T, however many prompts it has, and a category as much as its members. Against `keep` one
concept weighs 1, and several weigh 1 each together, but no more than TOGETHER. Among several, a prompt that lags behind
weighs more: its weight in T is multiplied by |s' - s_g|^2 / |s_T - s_g|^2, what the layers before left of its way, to
the power `left`.

Among several, what is kept weighs more in the layers whose input is narrow: (the widest input / its own)^narrow times.
Many targets fill a narrow input, and what is done to them there reaches things that nobody listed.

Of K, `listed` is the weight of the prompts that the lists keep, which alone hold a word's other sense; the rest is that
of the vocabulary's words. e is `ridge` times the mean of S's diagonal, and of n concepts n^1/3 times that. Vocabulary
words that mean a target go with its names (lessons.py). For the vocabulary, x'_K and s'_K are taken to be x_K and s_K:
so its sums are those of the base, and are computed once for all encoders.

There is no learning rate, no step and no draw. Relatives are EMCID (arXiv 2403.13807), which optimises values for each
concept first, and MEMIT and UCE (arXiv 2308.14761), which solve one kind of layer.
"""

import copy
import sys
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from expunge.bases.base import Base, deterministic
from expunge.bases.encoder_layers import Reached, Walk, batch_of
from expunge.bases.encoders import layers_of
from expunge.bases.text import alignment, text_gram
from expunge.bases.vocabulary_sums import Passing, Sums, looked_at, once, vocabulary_means
from expunge.concepts.prompt_file import read_prompts
from expunge.core.knobs import Knobs
from expunge.core.words import with_article
from expunge.methods import ConceptData, Log, Unlearned
from expunge.methods.distil import vocabulary
from expunge.methods.kept_words import are_nouns, asked_words, in_prompts
from expunge.methods.least_squares import LeastSquares
from expunge.methods.lessons import Lesson, encode_all, fill, lessons_of, template_of
from expunge.methods.low_rank import named
from expunge.methods.training import unlearned

METHOD = {
    "anchor": "chosen",
    "low_rank": True,
    "joint": {"error": -0.3333333333333333, "contexts": -0.5, "ridge": 0.3333333333333333},
    "knobs": {
        "keep": {"default": 250.0, "type": "number", "minimum": 0.0, "maximum": 1e6,
                 "description": "weight of the kept prompts against those of one target"},
        "ridge": {"default": 0.0001, "type": "number", "minimum": 1e-9, "maximum": 1.0,
                  "description": "weight of the weights' own change, as a share of the inputs' mean square"},
        "error": {"default": 0.7, "type": "number", "minimum": 0.0, "maximum": 1.0,
                  "description": "of the change's effect, as a share, that the stored factors may leave out"},
        "beyond": {"default": 0.5, "type": "number", "minimum": 0.0, "maximum": 10.0,
                   "description": "how much further than the anchor the target is moved, in distances to it"},
        "contexts": {"default": 8, "type": "integer", "minimum": 0, "maximum": 1000,
                     "description": "templates in which a name stands among words of the vocabulary"},
        "left": {"default": 1.0, "type": "number", "minimum": 0.0, "maximum": 4.0,
                 "description": "jointly: power of what earlier layers left of a prompt's way, its weight in the next"},
        "narrow": {"default": 1.0, "type": "number", "minimum": 0.0, "maximum": 4.0,
                   "description": "jointly: power of (widest input / own), times which kept prompts weigh in a layer"},
        "listed": {"default": 0.25, "type": "number", "minimum": 0.0, "maximum": 1.0,
                   "description": "share of the kept weight for the prompts that the lists themselves keep"},
        "others": {"default": 512, "type": "integer", "minimum": 0, "maximum": 100000,
                   "description": "words of the vocabulary that are kept, too"},
        "alike": {"default": 0.4, "type": "number", "minimum": 0.0, "maximum": 1.0,
                  "description": "a word nearer than this share of the anchor's distance means the target"},
    },
}  # fmt: skip
LEAST_AND_MOST = (0.02, 4.0)  # what is left of a prompt's way counts as no less and no more
TOGETHER = 8  # concepts that are forgotten jointly weigh one each, and more than so many together no more than these


class Aim(NamedTuple):
    """A target prompt, what it should come to mean, how far beyond that, and its weight."""

    prompt: str
    anchor: str
    beyond: float
    weight: float


def aims_of(lessons: Sequence[Lesson], shares: Sequence[int]) -> list[Aim]:
    """Each name of each lesson in each of its templates; all weights sum to 1.

    :param shares: how much each lesson weighs: 1, or of a category as much as it has members.
    """
    aims = []
    for lesson, share in zip(lessons, shares, strict=True):
        pairs = dict.fromkeys(
            (fill(template, name), fill(template, lesson.becomes(name)))
            for name in lesson.names
            for template in lesson.templates
        )
        aims += [Aim(*pair, lesson.beyond, share / sum(shares) / len(pairs)) for pair in pairs]
    return aims


def beyond(anchor: Reached, original: Reached, far: Tensor) -> Reached:
    """(g, s_g) of a batch. :param far: (N,) how far beyond the anchor each prompt is moved."""
    (g, s_g), (x, s), b = anchor, original, far[:, None, None]
    return g + b * (g - x), None if s_g is None or s is None else s_g + b * (s_g - s)


def moved(reached: Reached, places: Tensor | None) -> Reached:
    """(x, s) of a batch at other positions, (N, L): `alignment`."""
    if places is None:
        return reached
    x, s = (None if each is None else each.take_along_dim(places[..., None], dim=1) for each in reached)
    assert x is not None
    return x, s


def left_of(now: Tensor, goal: Tensor, original: Tensor, looked: Tensor) -> Tensor:
    """(N,): how far states (N, L, D) still are from their goals, as a share of the original's distance to them."""
    apart, whole = (((each - goal).square().sum(-1) * looked).sum(1) for each in (now, original))
    return apart / whole.clamp_min(1e-12)


def solved(
    base: Base, aims: Sequence[Aim], listed: Sequence[str], general: Sums | Passing, knobs: Knobs
) -> tuple[Any, dict[str, Tensor]]:
    """(a copy of the encoder with the weights W' of the module's docstring, the factors of their change).

    :param listed: the lists' own kept prompts. :param general: the mean over the vocabulary's prompts of sum x x^T.
    """
    encoder, share = copy.deepcopy(base.encoder), knobs["listed"] if general else 1.0
    family = base.spec.family
    old_layers, new_layers = layers_of(family, base.encoder), layers_of(family, encoder)
    adapter: dict[str, Tensor] = {}
    texts, anchors = [aim.prompt for aim in aims], [aim.anchor for aim in aims]
    weighs, far = (torch.tensor([aim[i] for aim in aims], device=base.device) for i in (3, 2))
    looked, kept = looked_at(base, texts, anchors), looked_at(base, listed)
    names_of = {module: name for name, module in encoder.named_modules()}
    keep, forget = kept * knobs["keep"] * share / len(listed), weighs
    length, longest = looked.shape[1], kept.shape[1]
    at = alignment(base, texts, anchors)
    size = batch_of(base)
    counterparts = [None] * -(-len(texts) // size) if at is None else list(at[:, :length].split(size))
    now, become = Walk(base, encoder, texts, length), Walk(base, base.encoder, anchors, length)
    were = Walk(base, base.encoder, texts, length, now.starts)
    same = Walk(base, encoder, listed, longest)
    stayed = Walk(base, base.encoder, listed, longest, same.starts)
    for depth, (before, after) in enumerate(zip(old_layers, new_layers, strict=True)):
        widths = {names: after.get_submodule(names[0]).in_features for names in family.LINEARS}
        for names in family.LINEARS:
            problem, left = LeastSquares(before.get_submodule(names[0]).weight), []
            more = (max(widths.values()) / widths[names]) ** knobs["narrow"]
            prompts = zip(looked.split(size), forget.split(size), far.split(size), counterparts, strict=True)
            reached = zip(now.inputs(), become.inputs(), were.inputs(), strict=True)
            for (own, anchor, original), (look, weight, b, places) in zip(reached, prompts, strict=True):
                goal = beyond(moved(anchor, places), original, b)
                problem.add(own, goal, look * weight[:, None])
                if own[1] is not None and goal[1] is not None and original[1] is not None:
                    left.append(left_of(own[1], goal[1], original[1], look))
            for own, original, weight in zip(same.inputs(), stayed.inputs(), keep.split(size), strict=True):
                problem.add(own, original, weight * more)
            if general:
                words = more * knobs["keep"] * (1 - share) * general[depth, names[0]]
                problem.own, problem.crossed = problem.own + words, problem.crossed + words
            if left:
                forget = weighs * torch.cat(left).clamp(*LEAST_AND_MOST) ** knobs["left"]
                forget = forget / forget.sum()
            weights = [before.get_submodule(name).weight.float() for name in names]
            changes = problem.solve(weights, knobs["ridge"], knobs["error"])
            for name, weight, (a, b) in zip(names, weights, changes, strict=True):
                if len(a):
                    after.get_submodule(name).weight.copy_(weight + b @ a)
                    adapter |= named(family, f"{names_of[after]}.{name}", a, b)
        for walk in (now, become, were, same, stayed):
            walk.step()
    return encoder, adapter


@torch.no_grad()
def run(
    base: Base, concepts: Sequence[ConceptData], kept: Sequence[str], knobs: Knobs, draw: torch.Generator, log: Log
) -> Unlearned:
    """Unlearn one concept, or several jointly. Few-shot images are not used, and nothing is drawn at random."""
    words = once(base, ("unsaid", knobs["others"]), lambda: unsaid(base, knobs["others"]))
    asked = asked_words(concepts, kept, words)
    with deterministic(base):
        known = known_words(base, words, {template_of(data) for data in concepts}, are_nouns(concepts))
        lessons, different = lessons_of(
            base, text_gram(base), concepts, list(asked), knobs["alike"], knobs["beyond"], known
        )
        around = contexts(words, knobs["contexts"])
        if len(around) < knobs["contexts"]:
            print(f"solve: the vocabulary has words for {len(around)} of {knobs['contexts']} contexts", file=sys.stderr)
        lessons = [replace(lesson, templates=(*lesson.templates, *around)) for lesson in lessons]
        templates = tuple(dict.fromkeys(t for lesson in lessons for t in lesson.templates))
        prompts = in_prompts(words, templates)
        whole = [prompt for pair in prompts.values() for prompt in pair]
        stays = {asked[word] for word in different}
        gone = [prompt for word, pair in prompts.items() if word not in stays for prompt in pair]
        means = vocabulary_means(base, whole, gone)
        shares = [max(1, len(data.concept.members)) for data in concepts]
        weights = {**knobs, "keep": knobs["keep"] / min(len(concepts), TOGETHER)}
        weights |= {} if len(concepts) > 1 else {"left": 0.0, "narrow": 0.0}
        aims, listed = aims_of(lessons, shares), ["", *kept]
        encoder, adapter = solved(base, aims, listed, means, weights)
    notes = {lesson.concept: {"anchor": lesson.anchor, "words": lesson.names} for lesson in lessons}
    return unlearned(base, [], encoder, adapter=adapter, notes=notes)


def contexts(words: Sequence[str], count: int) -> tuple[str, ...]:
    """`count` templates in which a name stands among words of the vocabulary; fewer if it has fewer than 4 for each."""
    forms = ("{} {0}", "{1} {2} {} {3}", "{0} {}", "{1} {} {2} {3}")
    made = []
    for i in range(count):
        some, form = words[4 * i : 4 * i + 4], forms[i % 4]
        for j, word in enumerate(some):
            form = form.replace(f"{{{j}}}", with_article(word) if j == 0 else word)
        made += [form] if len(some) == 4 else []
    return tuple(made)


def unsaid(base: Base, count: int) -> tuple[str, ...]:
    """Of `count` words of the vocabulary, the same for every encoder, those that no general prompt of the base says."""
    said = {word for prompt in read_prompts(base.spec.prompts).general for word in prompt.lower().split()}
    return tuple(word for word in vocabulary(base, count, torch.Generator().manual_seed(0)) if word not in said)


def known_words(base: Base, words: tuple[str, ...], templates: Collection[str], nouns: bool) -> dict[str, Tensor]:
    """{prompt: its embedding (L, D)} of the vocabulary's words in the templates, in the original encoder."""
    known: dict[str, Tensor] = {}
    for template in sorted(templates) if words else ():
        texts = [fill(template, with_article(word) if nouns else word) for word in words]
        known.update(zip(texts, once(base, ("words", *texts), partial(encode_all, base, texts)), strict=True))
    return known
