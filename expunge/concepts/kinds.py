"""The kinds of concepts: what the judge is asked about each kind, the modalities that show it, and its prompts.

    KINDS["motion"].modalities                  ("video",)

This is the only registry of kinds: code that treats one kind differently looks here. To add a kind, add an entry here,
and its name to `kind` in schema.json.
"""

from dataclasses import dataclass

from expunge.concepts.samples import GROUPS, MODALITIES


@dataclass(frozen=True)
class Kind:
    """What is special about a kind of concept.

    Axes are those of `samples.Asks`. The templates apply if the prompts file of a base has none for the kind. "{}"
    stands for the name.
    """

    axis: str  # the axis on which the judge looks for the target
    near_axis: str  # the axis for the neighbours and for the sense that stays
    fewshot: tuple[str, ...]
    eval: tuple[str, ...]
    modalities: tuple[str, ...] = MODALITIES  # that can show the target, its aliases and its neighbours
    parts: bool = True  # can it be a composition of two things?
    retold: bool = False  # is the name a caption, with `paraphrases` in place of aliases?
    near_anchors: bool = False  # can a neighbour serve as the anchor?
    members: bool = False  # is it a broad thing that names its members? A detector may judge it
    company: bool = False  # can it stand beside another thing in a picture, so that each can be told apart?

    def groups(self, modality: str) -> tuple[str, ...]:
        """The groups of samples that a modality can show. Any modality can show the group "far"."""
        groups = GROUPS if modality in self.modalities else ("far",)
        return tuple(group for group in groups if group != "beside" or self.company)


_OF_A_THING = ("a photo of {}", "a picture of {}", "an image of {}", "{}"), ("{} in the snow", "a photo of {} outdoors")

KINDS: dict[str, Kind] = {
    "character": Kind("subject", "subject", *_OF_A_THING, company=True),
    "style": Kind(
        "style", "style", ("a painting of a house in the style of {}", "a picture of a cat in the style of {}"),
        ("a painting of a dog in the style of {}", "a picture of a tree in the style of {}"), parts=False,
    ),
    "object": Kind("subject", "subject", *_OF_A_THING, near_anchors=True, company=True),
    "person": Kind("subject", "subject", *_OF_A_THING, company=True),
    # A single picture cannot show a motion.
    "motion": Kind(
        "motion", "motion", ("a cat {}", "a picture of a car {}"), ("a dog {}", "a person {} outdoors"), ("video",),
        parts=False,
    ),
    # A memorised picture. The judge looks for a copy of the target, and for the subjects of the neighbours.
    "image": Kind(
        "copy", "subject", ("{}", "a photo of {}"), ("a picture of {}", "an image of {}"), parts=False, retold=True
    ),
    # A broad thing, such as weapons. The judge looks for any of its members.
    "category": Kind(
        "subject", "subject", *_OF_A_THING, parts=False, near_anchors=True, members=True, company=True
    ),
}  # fmt: skip
