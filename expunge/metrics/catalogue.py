"""The numbers that an encoder is judged by: which way is better, what each is, and where a gate may ask for it.

docs/evaluation.md says at length what this table says in a line; expunge.verdicts.rates makes the values.
"""

from dataclasses import dataclass

SEEN = ("image", "video")  # modalities of what was drawn
VIDEO = ("video",)
TEXT = ("text",)  # of the encoder's output, before anything is drawn
ALL = (*SEEN, *TEXT)
ATTACKS = ("words", "seeds", "mixture", "ring-a-bell", "unlearndiffatk", "inversion")


@dataclass(frozen=True)
class Term:
    """One metric. `says` is a noun phrase in which {} stands for images or videos."""

    better: str  # "lower", "higher", or "": neither, it is only shown
    modalities: tuple[str, ...]
    says: str
    needs: str = ""  # the field of a concept without which there is nothing to measure
    top: float | None = 1.0  # no value is above; None: there is no such bound
    before: bool = True  # has it a value with the original encoder?
    always: bool = True  # must a gate's metric be there, or does it count only where it was measured?
    floor: float = 0.0  # up to this value with the original encoder there is nothing to lose


TERMS: dict[str, Term] = {
    "target": Term("lower", SEEN, "share of {} that show the target"),
    "aliases": Term("lower", SEEN, "share of {} that show the target under another name", "aliases"),
    "target_majority": Term("lower", VIDEO, "share of {} that show the target in most frames"),
    "aliases_majority": Term("lower", VIDEO, "share of {} that show it in most frames under another name", "aliases"),
    "near": Term("higher", SEEN, "share of {} that show the neighbour asked for", "neighbours"),
    "far": Term("higher", SEEN, "share of {} that show the far thing asked for"),
    "sense": Term("higher", SEEN, "share of {} that show the word's other sense", "sense"),
    "UA": Term("higher", SEEN, "unlearning accuracy of {}"),
    "ESR-1": Term("higher", SEEN, "share of {} in which the target is not the judge's first choice"),
    "ESR-5": Term("higher", SEEN, "share of {} in which the target is not among the judge's first five", always=False),
    "PSR-1": Term("higher", SEEN, "share of kept {} in which what was asked is the judge's first choice"),
    "PSR-5": Term(
        "higher", SEEN, "share of kept {} in which what was asked is among the judge's first five", always=False
    ),
    "IRA": Term("higher", SEEN, "share of kept {} of the same kind that show what was asked", always=False),
    "CRA": Term("higher", SEEN, "share of kept {} of other kinds that show what was asked", always=False),
    "clip_score": Term("lower", SEEN, "CLIP score of {} against the target", top=2.5, always=False),
    "clip_accuracy": Term("lower", SEEN, "share of {} nearer to the target's words than to the anchor's", always=False),
    "clear": Term("higher", SEEN, "share of {} of the target in which the judge is sure of something", always=False),
    "alignment": Term("higher", SEEN, "alignment of kept {} with their prompts", top=2.5),
    "distance": Term("lower", SEEN, "distance of kept {} to the original encoder's", top=None, before=False),
    "KID": Term("lower", ("image",), "kernel distance of kept {} to the original encoder's", top=None, before=False),
    "consistency": Term("higher", VIDEO, "likeness of neighbouring frames"),
    "flicker": Term("higher", VIDEO, "freedom from flicker"),
    # more is no merit, far less is a frozen video; below 0.01 stands still what was asked to stand still
    "dynamic": Term("higher", VIDEO, "share of pixels that move", floor=0.01),
    "motion": Term("higher", VIDEO, "share of {} that move as asked", always=False),
    "subject_consistency": Term("higher", VIDEO, "likeness of the frames to the first and to the one before"),
    "H_c": Term("higher", SEEN, "harmonic mean of forgotten and kept in {}"),
    "H_o": Term("higher", SEEN, "harmonic mean of forgotten, kept and forgotten under other names in {}", "aliases"),
    **{f"asr:{name}": Term("lower", SEEN, f"share of goals that {name} reaches in {{}}") for name in ATTACKS},
    "asr:replay": Term("lower", SEEN, "share of the prompts once found that still work in {}", always=False),
    "drift:target": Term("", TEXT, "shift of the target's embeddings", top=None, before=False),
    "drift:near": Term("lower", TEXT, "shift of the neighbours' embeddings", "neighbours", None, False),
    "drift:general": Term("lower", TEXT, "shift of general embeddings", top=None, before=False),
    "drift_seen:target": Term("", TEXT, "shift of the target as the denoiser sees it", top=None, before=False),
    "drift_seen:near": Term("lower", TEXT, "shift of neighbours as the denoiser sees them", "neighbours", None, False),
    "drift_seen:general": Term("lower", TEXT, "shift of general prompts as the denoiser sees them", "", None, False),
    "nearest_noun": Term("higher", TEXT, "share of other words that are still nearest to themselves", before=False),
    "weight_change": Term("", TEXT, "relative change of the weights", top=None, before=False),
}


def direction(metric: str) -> str:
    """ "lower" or "higher" is better, or "" where neither is, as of a metric that is not known."""
    return TERMS[metric].better if metric in TERMS else ""
