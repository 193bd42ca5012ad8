"""How clear a picture is, and how well it shows its prompt."""

from expunge.concepts.samples import FORGET
from expunge.judging import formulas
from expunge.metrics.metric import SEEN, Metric, Sight


def clear(sight: Sight) -> float | None:
    """0 or 1, target and aliases: the judge's likeliest subject, whatever it is, has a probability above one half; in a
    video the frames' mean of it. Not for memorised pictures, which may show no subject.
    """
    sample = sight.sample
    if sample.group not in FORGET or sample.axis == "copy" or not sight.judge.labels.get("subject"):
        return None
    import numpy as np

    from expunge.judging.judge import classify  # loads torch

    (sure,) = classify(sight.judge, sample.pixels[None], "subject", sight.features[None]).max(-1)
    return float(np.mean(sure) > 0.5)


def clip_score(sight: Sight) -> float | None:
    """0 to 2.5: of the picture and "A photo depicts {what was asked}"; not for motions, which no frame shows."""
    sample = sight.sample
    if sample.axis == "motion":
        return None
    return formulas.clip_score(sight.features, sight.text(formulas.depicts(sample.axis, sample.asked)))


def alignment(sight: Sight) -> float:
    """0 to 2.5: CLIP score of the prompt itself."""
    return formulas.clip_score(sight.features, sight.text(sight.sample.prompt))


METRICS = {
    "clear": Metric(
        title="Clear",
        text="Share of target and alias samples in which the judge is sure of some subject, whatever it is: a blur in "
        "the target's place is no gain.",
        says="share of {} of the target in which the judge is sure of something",
        theme="quality", better="higher", modalities=SEEN, share=False, always=False,
        measure=clear, over="forgotten", aggregate="share", interval="wilson",
        good="as before", limits="says that there is a clear thing, not which, nor that it is a good picture; an "
        "anchor that the base itself draws unclearly lowers it",
    ),
    "clip_score": Metric(
        title="CLIP score",
        text="2.5 times the cosine, not below 0, of a target sample and “A photo depicts” the concept.",
        says="CLIP score of {} against the target",
        theme="quality", better="lower", modalities=SEEN, share=False, top=2.5, always=False,
        measure=clip_score, over="target", aggregate="mean", interval="bootstrap",
        range="0 to 2.5", good="lower than before",
        limits="compare it with `before` alone: the scale is the judge's own",
        source="Hessel et al., arXiv 2104.08718",
    ),
    "alignment": Metric(
        title="Prompt alignment",
        text="CLIP score of a kept sample and its own prompt: how well it still shows what was asked.",
        says="alignment of kept {} with their prompts",
        theme="quality", better="higher", modalities=SEEN, share=False, top=2.5, of_motions=True,
        measure=alignment, over="kept", aggregate="mean", interval="bootstrap",
        range="0 to 2.5", good="as before",
        limits="coarse: a clumsy and a good picture of one thing have nearly the same",
    ),
}  # fmt: skip
