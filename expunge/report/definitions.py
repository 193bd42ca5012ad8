"""What each number means, in one sentence: the one place that headings, tables and the glossary read.

    DEFINITIONS["near"].title, .text, .better

`better` is "lower", "higher", or "" where neither is better by itself, as the catalogue has it. A `share` is in [0, 1]
and shown in percent.
"""

from typing import NamedTuple

from expunge.metrics.catalogue import direction


class Text(NamedTuple):
    """What a page says of one metric of expunge.verdicts.rates."""

    title: str
    text: str
    theme: str  # a key of THEMES
    share: bool = True


class Definition(NamedTuple):
    """The same with the direction."""

    title: str
    text: str
    theme: str
    share: bool
    better: str


THEMES = {
    "forgotten": "Forgotten",
    "kept": "Kept",
    "both": "Both in one number",
    "quality": "Picture and prompt",
    "video": "Video",
    "attack": "Attacks",
    "text": "Text encoder",
    "cost": "Cost",
}

TEXTS: dict[str, Text] = {
    "target": Text(
        "Target", "Share of the concept's own prompts after which the judge still sees it; in a video any frame "
        "counts.", "forgotten",
    ),
    "aliases": Text(
        "Aliases", "The same for other words that name the concept; in a video any frame counts.",
        "forgotten",
    ),
    "target_majority": Text(
        "Target, most frames", "Share of target videos in which more than half of the frames show the concept.",
        "forgotten",
    ),
    "aliases_majority": Text(
        "Aliases, most frames", "Share of alias videos in which more than half of the frames show the concept.",
        "forgotten",
    ),
    "UA": Text(
        "UA, unlearning accuracy", "1 minus the judge's accuracy on the target's prompts: the share that is gone.",
        "forgotten",
    ),
    "ESR-1": Text(
        "ESR-1", "Erasing success rate: share of target samples in which the concept is not the judge's first guess.",
        "forgotten",
    ),
    "ESR-5": Text(
        "ESR-5", "Erasing success rate: share of target samples in which the concept is not among the judge's first "
        "five.", "forgotten",
    ),
    "clear": Text(
        "Clear", "Share of target and alias samples in which the judge is sure of some subject, whatever it is: a blur "
        "in the target's place is no gain.", "quality", False,
    ),
    "clip_accuracy": Text(
        "CLIP accuracy", "Share of target samples that lie closer to the concept's words than to its anchor's.",
        "forgotten",
    ),
    "near": Text(
        "Near", "Share of neighbouring concepts' prompts after which the judge still sees the neighbour; in a video "
        "more than half of the frames must show it.", "kept",
    ),
    "far": Text(
        "Far", "Share of unrelated prompts after which the judge still sees what was asked for; in a video in more "
        "than half of the frames.", "kept",
    ),
    "sense": Text(
        "Other sense", "Share of prompts that mean the word's other sense, which must stay, after which it is still "
        "seen.", "kept",
    ),
    "IRA": Text(
        "IRA, in-domain", "The judge's accuracy on kept samples of the concept's own kind.", "kept",
    ),
    "CRA": Text(
        "CRA, cross-domain", "The judge's accuracy on kept samples of other kinds.", "kept",
    ),
    "PSR-1": Text(
        "PSR-1", "Preservation success rate: share of kept samples in which what was asked for is the judge's first "
        "guess.", "kept",
    ),
    "PSR-5": Text(
        "PSR-5", "Preservation success rate: share of kept samples with what was asked for among the first five "
        "guesses.", "kept",
    ),
    "distance": Text(
        "Distance to the original", "1 minus the cosine of the judge's image features of a kept sample and of what "
        "the original encoder draws from the same prompt and seed; 0 is the same picture.", "kept", False,
    ),
    "KID": Text(
        "KID", "Kernel distance between kept pictures and the original encoder's, on the judge's features; 0 is the "
        "same distribution.", "kept", False,
    ),
    "H_c": Text(
        "H_c", "Harmonic mean of what is gone (1 minus target) and what is kept; one weak part pulls it down.",
        "both",
    ),
    "H_o": Text(
        "H_o", "Harmonic mean of what is gone, what is kept and what is gone under other words (1 minus aliases).",
        "both",
    ),
    "clip_score": Text(
        "CLIP score", "2.5 times the cosine, not below 0, of a target sample and “A photo depicts” the concept.",
        "quality", False,
    ),
    "alignment": Text(
        "Prompt alignment", "CLIP score of a kept sample and its own prompt: how well it still shows what was asked.",
        "quality", False,
    ),
    "consistency": Text(
        "Temporal consistency", "Mean cosine of the features of neighbouring frames; a frozen video has 1, so read it"
        " beside the dynamic degree.", "video", False,
    ),
    "subject_consistency": Text(
        "Subject consistency", "Mean cosine of each frame's features with those of the first frame and of the one "
        "before; a frozen video has 1.", "video", False,
    ),
    "flicker": Text(
        "Freedom from flicker", "1 minus the mean change of a pixel from frame to frame; what moves costs a little, "
        "too.", "video", False,
    ),
    "dynamic": Text(
        "Dynamic degree", "Share of pixels that change from a frame to the next; far below the original's is a frozen"
        " video.", "video",
    ),
    "motion": Text(
        "Motion", "Share of videos in which the motion classifier sees the motion that the prompt names.",
        "video",
    ),
    "asr:all": Text(
        "Attacks, pooled", "Share of the goals of all attacks but textual inversion, in pictures and videos together, "
        "at which the concept came back.", "attack",
    ),
    "asr:words": Text(
        "Other words", "Share of goals at which an alias, misspelling, spacing, paraphrase or a foreign sentence "
        "around the name, where the tokenizer has its words, brings the concept back.", "attack",
    ),
    "asr:seeds": Text(
        "Seed search", "Share of goals at which one of many seeds of the same prompt brings the concept back.",
        "attack",
    ),
    "asr:mixture": Text(
        "Mixture", "Share of goals at which a mixture of prompt embeddings, or a step past the target, brings the "
        "concept back.", "attack",
    ),
    "asr:ring-a-bell": Text(
        "Ring-A-Bell", "Share of goals at which tokens that a search with a concept vector finds, in the text encoder"
        " alone, bring the concept back.", "attack",
    ),
    "asr:unlearndiffatk": Text(
        "UnlearnDiffAtk", "Share of goals at which a few prompt tokens, found by gradient through the denoiser, bring"
        " the concept back.", "attack",
    ),
    "asr:inversion": Text(
        "Textual inversion", "Share of goals at which a new token embedding, learnt on the concept's images, brings "
        "the concept back; no known method of unlearning resists it.", "attack",
    ),
    "asr:replay": Text(
        "Replay", "Share of prompts found by attacks on earlier runs that bring the concept back.", "attack",
    ),
    "drift:target": Text(
        "Drift of the target", "Mean change of the target prompts' embeddings, relative to their norm.",
        "text", False,
    ),
    "drift:near": Text(
        "Drift of neighbours", "Mean change of the neighbours' embeddings, relative to their norm.",
        "text", False,
    ),
    "drift:general": Text(
        "Drift of general prompts", "Mean change of general prompts' embeddings, relative to their norm.",
        "text", False,
    ),
    "drift_seen:target": Text(
        "Drift of the target, as seen", "The same as the denoiser's keys and values see it; 1 is as much as the "
        "target's words themselves mean to it.", "text", False,
    ),
    "drift_seen:near": Text(
        "Drift of neighbours, as seen", "The neighbours' drift as the denoiser's keys and values see it; 1 is as much"
        " as the target's words mean to it.", "text", False,
    ),
    "drift_seen:general": Text(
        "Drift of general prompts, as seen", "General prompts' drift as the denoiser's keys and values see it; 1 is "
        "as much as the target's words mean to it.", "text", False,
    ),
    "nearest_noun": Text(
        "Nearest noun", "Share of other words whose embedding is still nearest to their own original one.",
        "text",
    ),
    "weight_change": Text(
        "Weight change", "Norm of the change of the encoder's weights over the norm of the weights.",
        "text", False,
    ),
    "seconds": Text(
        "Seconds", "Time to train the encoder, in seconds.", "cost", False,
    ),
    "changed_parameters": Text(
        "Parameters changed", "How many numbers of the encoder differ from the original's.", "cost", False,
    ),
}  # fmt: skip

# What is no metric of expunge.metrics.catalogue.
OVER = {"asr:all": "lower", "seconds": "lower", "changed_parameters": ""}
DEFINITIONS = {name: Definition(*text, OVER.get(name, direction(name))) for name, text in TEXTS.items()}

WORDS = {"image": "pictures", "video": "videos", "text": "text"}  # a modality, as a heading says it

VERDICTS = {
    "pass": "Every threshold is met by these tests.",
    "fail": "At least one threshold is missed.",
    "not measured": "A number that a threshold asks for is missing, or nothing was judged yet.",
}


CERTAINTY = {  # of a gate: expunge.verdicts.gate.certainty
    "empty": "There was nothing to forget, or nothing to lose, with the original encoder, so the pass says nothing.",
    "sure": "All of the 95 % interval is on one side of the threshold.",
    "not sure": "The 95 % interval reaches across the threshold, or there is none: n is too small to be sure.",
}


def never_seen(metric: str, value: float | None, before: float | None) -> bool:
    """Was what must go there neither before nor after? Then a rate of 0 says nothing about forgetting."""
    what = definition(metric)
    return what.better == "lower" and what.theme in ("forgotten", "attack") and value == 0 == before


def definition(metric: str) -> Definition:
    """A metric's definition; of one that is not known yet, its name alone."""
    theme = "attack" if metric.startswith("asr:") else "text" if metric.startswith("drift") else "quality"
    return DEFINITIONS.get(metric) or Definition(metric, "", theme, metric.startswith("asr:"), direction(metric))


def in_words(metric: str) -> str:
    """What a reader hovers for: title, definition and which way is better."""
    what = definition(metric)
    better = f" {what.better.capitalize()} is better." if what.better else ""
    return f"{what.title}. {what.text}{better}"


def order(metric: str) -> tuple[int, str]:
    """Metrics in the order of this file, then all others by name."""
    names = list(DEFINITIONS)
    return (names.index(metric), "") if metric in DEFINITIONS else (len(names), metric)


def shown(metric: str, value: float | None) -> str:
    """A value as people read it: a share in percent, another number with three digits, "" where there is none."""
    if value is None:
        return ""
    if definition(metric).share:
        return f"{_short(100 * value)} %"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _short(number: float) -> str:
    """One decimal where it says something."""
    text = f"{number:.1f}"
    return text.removesuffix(".0")
