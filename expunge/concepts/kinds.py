"""The kinds of concepts: what the judge is asked of each, where it can be seen, and which prompts speak of it.

    KINDS["motion"].modalities                  ("video",)

The only registry of kinds: whoever treats one kind differently asks here. A new kind is an entry here, and its name in
the `kind` of schema.json.
"""

from dataclasses import dataclass

from expunge.concepts.samples import GROUPS, MODALITIES


@dataclass(frozen=True)
class Kind:
    """What is special about a kind of concept.

    Axes are those of `samples.Asks`. Templates hold where the prompts file of a base has none for the kind; "{}" stands
    for the name.
    """

    axis: str  # what the judge is asked of a picture of the target
    near_axis: str  # what it is asked of the neighbours and of the sense that stays
    fewshot: tuple[str, ...]
    eval: tuple[str, ...]
    modalities: tuple[str, ...] = MODALITIES  # in which the target, its aliases and what is near can be seen
    parts: bool = True  # can it be a composition of two things?
    retold: bool = False  # is it a caption, with `paraphrases` in place of aliases?
    near_anchors: bool = False  # may it become one of its neighbours?

    def groups(self, modality: str) -> tuple[str, ...]:
        """The groups of samples that a modality can show. What is far from a concept can be seen in any."""
        return GROUPS if modality in self.modalities else ("far",)


_OF_A_THING = ("a photo of {}", "a picture of {}", "an image of {}", "{}"), ("{} in the snow", "a photo of {} outdoors")

KINDS: dict[str, Kind] = {
    "character": Kind("subject", "subject", *_OF_A_THING),
    "style": Kind(
        "style", "style", ("a painting of a house in the style of {}", "a picture of a cat in the style of {}"),
        ("a painting of a dog in the style of {}", "a picture of a tree in the style of {}"), parts=False,
    ),
    "object": Kind("subject", "subject", *_OF_A_THING, near_anchors=True),
    "person": Kind("subject", "subject", *_OF_A_THING),
    # No picture shows a motion.
    "motion": Kind(
        "motion", "motion", ("a cat {}", "a picture of a car {}"), ("a dog {}", "a person {} outdoors"), ("video",),
        parts=False,
    ),
    # A memorised picture: of the target the judge is asked for a copy of it, of what is near for its subjects.
    "image": Kind(
        "copy", "subject", ("{}", "a photo of {}"), ("a picture of {}", "an image of {}"), parts=False, retold=True
    ),
}  # fmt: skip
