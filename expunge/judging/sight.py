"""The data of one sample that a formula may read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from expunge.judging.features import Features, by_place
from expunge.judging.samples import Sample
from expunge.judging.texts import usual_texts

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Sight:
    """One sample with the judge's embeddings: everything that a formula for single samples may read."""

    sample: Sample
    features: "np.ndarray"  # the judge's embeddings of length 1: (D,), or (F, D) for a video
    original_features: "np.ndarray | None"  # the same, of the original encoder's sample for this prompt and seed
    judge: Any
    anchors: tuple[str, ...]  # what the target may become
    _vectors: "dict[str, np.ndarray]" = field(default_factory=dict, repr=False, compare=False)  # by text; shared

    def text(self, words: str) -> "np.ndarray":
        """The judge's embedding of a text, (D,) of length 1.

        `sights_of` has encoded the texts of `texts.usual_texts` for all samples of the unit in one pass. Any other text
        costs one pass of the text encoder when it is first used in the unit.
        """
        from expunge.judging.judge import text_features

        if words not in self._vectors:
            self._vectors[words] = text_features(self.judge, [words])[0]
        return self._vectors[words]


Formula = Callable[[Sight], float | None]  # None: the metric does not apply to the sample


def sights_of(
    judge: Any,
    samples: Sequence[Sample],
    features: Features,
    originals: Sequence[Sample] = (),
    original_features: Features | None = None,
    anchors: Sequence[str] = (),
) -> list[Sight]:
    """The sights of a unit's samples, in order; the usual texts are encoded in one pass.

    :param originals: the same concept's samples with the original encoder. :param original_features: what `encode`
        returns for them; None: no sample has an original.
    """
    from expunge.judging.judge import text_features

    texts = list(dict.fromkeys(text for s in samples for text in usual_texts(s.planned, judge, anchors)))
    vectors = dict(zip(texts, text_features(judge, texts), strict=True)) if texts else {}
    drawn = by_place(originals, original_features) if original_features is not None else {}
    return [
        Sight(s, features[s.index], drawn.get(s.planned.place), judge, tuple(anchors), vectors) for s in samples
    ]  # fmt: skip
