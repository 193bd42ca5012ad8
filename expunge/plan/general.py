"""The general set: prompts about the things that a base knows, whatever the lists say.

Its things are those that the base's far prompts ask for, and those of the judge's vocabulary: subjects, styles and, in
videos, motions. Their order is drawn from the seed, so that a smaller set is a part of a larger one, and the lists do
not change it: the original encoder draws it once. A release draws what it does not name.
"""

from collections.abc import Iterator, Mapping, Sequence

from expunge.concepts.kinds import KINDS
from expunge.concepts.prompt_file import Prompts
from expunge.concepts.prompts import Said, as_it_is, eval_templates
from expunge.concepts.samples import COUNTS, GENERAL, MODALITIES, Asks, PlannedSample
from expunge.core.seeds import derive_seed
from expunge.core.words import Finder, plain, split_article, with_article
from expunge.judging.vocabulary import matching
from expunge.plan.notes import Labels

AXES = {"image": {"subject": "object", "style": "style"}, "video": {"subject": "object", "motion": "motion"}}
NAMED = ("character", "person", "image")  # kinds that are called by name, without an article

Thing = tuple[Asks, tuple[str, ...]]  # what the judge is asked, and the templates or the one prompt


def general_samples(
    prompts: Prompts, labels: Labels, counts: Mapping[str, int] | None, seed: int, said: Said = as_it_is
) -> list[PlannedSample]:
    """The samples of the general set, images first.

    :param labels: the answers of the judge, by axis; may be empty.
    :param counts: {"images", "videos"}: how many; more than there are things go round again, with other prompts or
        noises. None: each thing once, as an image.
    """
    samples, again = [], dict[str, int]()
    for modality in MODALITIES:
        things = sorted(_things(prompts, labels, modality), key=lambda thing: derive_seed(seed, "general", *thing[1]))
        every = len(things) if modality == "image" else 0
        count = every if counts is None else counts.get(COUNTS[modality], 0)
        for place in range(count if things else 0):
            turn, index = divmod(place, len(things))
            asks, forms = things[index]
            prompt = forms[(index + turn) % len(forms)]
            key = f"{modality} {prompt}"
            again[key] = again.get(key, -1) + 1
            noise = derive_seed(seed, "general", said(prompt, GENERAL), again[key])
            samples.append(PlannedSample(GENERAL, prompt, noise, modality, asks))
    return samples


def named_places(samples: Sequence[PlannedSample], labels: Labels, lost: Finder) -> list[int]:
    """The places of the samples whose thing, by any of its names, or whose prompt holds one of the words `lost`."""

    def names(asks: Asks) -> Iterator[str]:
        own = labels.get(asks.axis, ())
        yield asks.name
        for index in matching(own, asks.name):
            yield from (own[index].id, *own[index].names)

    return [i for i, s in enumerate(samples) if lost.within(s.prompt) or any(map(lost.has, names(s.asks)))]


def _things(prompts: Prompts, labels: Labels, modality: str) -> Iterator[Thing]:
    """Each thing once: the far prompts, then the labels that none of them asks for."""
    asked = set()
    for far in prompts.far:
        if far.asks.axis in AXES[modality]:
            asked.add((far.asks.axis, plain(far.asks.name)))
            yield far.asks, (far.prompt,)
    for axis, usual in AXES[modality].items():
        for label in labels.get(axis, ()):
            if not label.names or any((axis, plain(name)) in asked for name in (label.id, *label.names)):
                continue
            kind, name = label.kind if label.kind in KINDS else usual, label.names[0]
            if axis == "subject" and label.kind and label.kind not in NAMED and not split_article(name)[0]:
                name = with_article(name)
            templates = eval_templates(kind, prompts, modality) if kind in prompts.eval else KINDS[kind].eval
            yield Asks(axis, name), tuple(template.replace("{}", name) for template in templates)
