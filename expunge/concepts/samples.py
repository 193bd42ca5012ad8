"""The samples that each encoder draws for a concept, with their groups and modalities. All later stages use them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from expunge.core.errors import InputError, Problem
from expunge.core.files import BROKEN_JSON, write_json

GROUPS = ("target", "aliases", "probes", "near", "far", "sense", "beside")
GENERAL = "general"  # the group of the general set, which belongs to no concept; it must stay
FORGET = ("target", "aliases", "probes")  # must be gone
KEPT = ("near", "far", "sense")  # must stay; of the group beside, which is in neither, one half goes, the other stays
MODALITIES = ("image", "video")
COUNTS = {"image": "images", "video": "videos"}  # modality -> its key in the section `render` of params.yaml


@dataclass(frozen=True)
class Asks:
    """What the judge is asked about a sample: is `name` seen on `axis`?

    The axis is subject, style, motion, both, any, detector, glance or copy.
    """

    axis: str
    name: str
    # both: the parts of a composition; any, and glance of a category: its members; detector: its name
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlannedSample:
    """A prompt and the seed of its noise. The same sample is drawn before and after unlearning, for comparison."""

    group: str  # one of GROUPS, or GENERAL
    prompt: str
    seed: int
    modality: str  # one of MODALITIES
    asks: Asks
    file: str = ""  # below the unit's folder; "" until it is drawn
    gone: Asks | None = None  # of the group beside: what must go from the picture in which `asks` must stay

    @property
    def place(self) -> tuple[str, str, str, int]:
        """The key by which a sample and the original encoder's sample of the same prompt and seed are matched."""
        return self.modality, self.group, self.prompt, self.seed


def write_planned(file: Path, samples: Sequence[PlannedSample]) -> None:
    """Write a unit's prompts.json: its planned samples in order, for `read_planned`."""
    import msgspec

    write_json(file, msgspec.to_builtins(list(samples)))


def read_planned(file: Path, codes: Mapping[str, str] | None = None) -> list[PlannedSample]:
    """What `write_planned` wrote. :param codes: {code: text} of texts that are hidden there; None: they stay codes.

    :raises InputError: the file is missing or broken; the error says which value and why.
    """
    import msgspec

    fix = "run `dvc repro render`, or `dvc pull`"
    try:
        samples = msgspec.json.decode(file.read_bytes(), type=list[PlannedSample])
        return [_opened(sample, codes) for sample in samples] if codes else samples
    except OSError:
        raise InputError([Problem(file.as_posix(), "is missing", fix)]) from None
    except BROKEN_JSON as error:
        raise InputError([Problem(file.as_posix(), f"is not a list of planned samples ({error})", fix)]) from None


def _opened(sample: PlannedSample, codes: Mapping[str, str]) -> PlannedSample:
    def word(text: str) -> str:
        return codes.get(text, text)

    def asks(own: Asks) -> Asks:
        return replace(own, name=word(own.name), parts=tuple(map(word, own.parts)))

    gone = asks(sample.gone) if sample.gone is not None else None
    return replace(sample, prompt=word(sample.prompt), asks=asks(sample.asks), gone=gone)
