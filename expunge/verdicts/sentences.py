"""A decided gate in words: the sentences of metrics/verdicts.json."""

from expunge.metrics.catalogue import METRICS
from expunge.metrics.thresholds import Threshold
from expunge.verdicts.rates import Rate

SHOWN = {"image": "images", "video": "videos"}


def subject(modality: str, metric: str) -> str:
    """The number as a noun phrase: "share of images that show the target"."""
    says, shown = METRICS[metric].says, SHOWN.get(modality, "")
    return says.format(shown) if "{}" in says or not shown else f"{says} of {shown}"


def measured(modality: str, rate: Rate, threshold: Threshold, good: bool, sure: bool) -> str:
    """What was measured, what was wanted, and what the number cannot say."""
    facts = [f"n = {rate.n}"]
    interval = rate.low is not None and rate.high is not None
    if interval:
        facts.append(f"95 % interval {rate.low:.3g} to {rate.high:.3g}")
    if rate.before is not None:
        facts.append(f"before: {rate.before:.3g}")
    if rate.word:
        facts.append(f"the worst: {rate.word}")
    bound, _ = threshold.bound(rate.metric, rate.before)
    wanted = _wanted(threshold) + (f", which is {bound:.3g}" if threshold.of_before else "")
    about = f"The {subject(modality, rate.metric)} is {rate.value:.3g} ({'; '.join(facts)})"
    sentences = [f"{about}{' and' if good else ', but'} must be {wanted}."]
    if interval and not sure:
        sentences.append(f"The interval reaches across the threshold: n = {rate.n} is too small to be sure.")
    if empty := empty_claim(threshold, rate):
        sentences.append(empty)
    return " ".join(sentences)


def unmeasured(modality: str, metric: str, rate: Rate | None, threshold: Threshold) -> str:
    """Why a number is missing, and what it would have to be."""
    why = "there are no samples" if rate is None else "there is no value with the original encoder"
    return f"The {subject(modality, metric)} was not measured: {why}. It must be {_wanted(threshold)}."


def empty_claim(threshold: Threshold, rate: Rate) -> str:
    """A sentence where a pass says nothing: there was nothing to forget, or nothing to lose; else ""."""
    if threshold.sign == "<=" and rate.before == rate.value == 0:
        return "It was 0 with the original encoder too, so this says nothing about forgetting."
    if threshold.bound(rate.metric, rate.before)[1]:
        return "With the original encoder there was nothing to lose, so this says nothing about keeping."
    return ""


def _wanted(threshold: Threshold) -> str:
    least = "most" if threshold.sign == "<=" else "least"
    return f"at {least} {threshold.number:g}{' of before' * threshold.of_before}"
