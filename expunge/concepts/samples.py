"""What is drawn of a concept, once with each encoder: the words that all later stages share."""

from dataclasses import dataclass

GROUPS = ("target", "aliases", "near", "far", "sense")
FORGET = ("target", "aliases")  # must be gone; the other groups must stay
MODALITIES = ("image", "video")
COUNTS = {"image": "images", "video": "videos"}  # modality -> its key in the section `render` of params.yaml


@dataclass(frozen=True)
class Asks:
    """What the judge is asked of a sample: is `name` seen on `axis` (subject, style, motion, both, copy)?"""

    axis: str
    name: str
    parts: tuple[str, ...] = ()  # of a composition: the two things that must both be there


@dataclass(frozen=True)
class PlannedSample:
    """A prompt and the seed of its noise. The same one is drawn before and after, so the two can be compared."""

    group: str  # one of GROUPS
    prompt: str
    seed: int
    modality: str  # one of MODALITIES
    asks: Asks
    file: str = ""  # below the unit's folder; "" until it is drawn

    @property
    def place(self) -> tuple[str, str, str, int]:
        """What a sample shares with the one that the original encoder draws."""
        return self.modality, self.group, self.prompt, self.seed
