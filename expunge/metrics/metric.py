"""What is known of a metric, in one place. A file of this folder declares some of them, as `METRICS`; no other file
need name them: the table of rates, the gates and their schema, the report and docs/evaluation.md read the catalogue.

    METRICS = {"sharpness": Metric(
        title="Sharpness", text="Mean contrast of neighbouring pixels in a kept sample.", theme="quality",
        says="sharpness of kept {}", better="higher", modalities=SEEN, share=False,
        measure=sharpness, over="kept", aggregate="mean", interval="bootstrap",
    )}
"""

from dataclasses import dataclass
from typing import Literal

from expunge.judging.sight import Formula, Sight

__all__ = ["ALL", "SEEN", "TEXT", "THEMES", "VIDEO", "Formula", "Metric", "Sight"]

SEEN = ("image", "video")  # modalities of what was drawn
VIDEO = ("video",)
TEXT = ("text",)  # of the encoder's output, before anything is drawn
ALL = (*SEEN, *TEXT)

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

Better = Literal["lower", "higher", ""]
Aggregate = Literal[
    "share", "one minus share", "worst share", "kept share", "worst mean", "mean", "harmonic", "given"
]  # fmt: skip
Interval = Literal["wilson", "bootstrap", "parts", ""]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number that an encoder is judged by. Its name is its key in `METRICS`."""

    title: str
    text: str  # what it is, in a sentence
    theme: str  # a key of THEMES
    modalities: tuple[str, ...]  # some of ALL; () where it belongs to none
    better: Better  # "": neither way is better, it is only shown
    says: str = ""  # a noun phrase for a verdict's sentence; {} stands for images or videos
    share: bool = True  # in [0, 1] and shown in percent

    # how it follows from samples
    measure: Formula | None = None  # of one sample; the first line of its docstring says its range and what it is
    of: str = ""  # the per-sample measure that is aggregated; "": the metric's own name
    over: str = ""  # which samples: a key of expunge.metrics.sample_choices.OVER
    # worst share: of the word that it is highest for; kept share: of the samples that had it before; worst mean: of
    # the word that fell most; given: an attack, KID or drift brings the number
    aggregate: Aggregate = "given"
    parts: tuple[str, ...] = ()  # of a harmonic mean: metrics that are shares; "1 - aliases" turns one round
    interval: Interval = ""  # parts: from the low ends of the parts to their high ends

    # how a gate may ask for it
    gateable: bool = True
    needs: str = ""  # the field of a concept without which there is nothing to measure
    top: float | None = 1.0  # no value is above it; None: there is no such bound
    floor: float = 0.0  # up to this value with the original encoder there is nothing to lose
    before: bool = True  # has it a value with the original encoder?
    always: bool = True  # is it mandatory in a gate? False: the gate counts where the metric was measured
    of_releases: bool = False  # has a release alone it?
    of_motions: bool = False  # can a motion have it in a picture? Only what is far from the motion is seen there
    timing: bool = False  # differs from run to run, so that it is never compared

    # for docs/evaluation.md
    range: str = "0 to 1"
    good: str = ""
    limits: str = ""
    source: str = ""  # paper
