"""Names of concepts, encoders and units. Only this module joins and splits them."""

from dataclasses import dataclass

ORIGINAL = "original"  # in place of an encoder's name: the base's own text encoder
RELEASES = "releases"  # in place of a list's id: encoders that forget several lists; no list may have this id
GENERAL_SET = "releases/general"  # in place of a concept's name: what a release draws of everything that it keeps


@dataclass(frozen=True, order=True)
class Name:
    """A concept or an encoder of a list. As text "list/id", as the stem of a file "list--id"."""

    list: str
    id: str

    @classmethod
    def parse(cls, text: str) -> "Name":
        """:raises ValueError: the text has not the form list/id."""
        list_, slash, id_ = text.partition("/")
        if not (list_ and slash and id_) or "/" in id_:
            raise ValueError(f"{text!r} has not the form list/id")
        return cls(list_, id_)

    def __str__(self) -> str:
        return f"{self.list}/{self.id}"

    @property
    def stem(self) -> str:
        return f"{self.list}--{self.id}"

    @property
    def is_release(self) -> bool:
        return self.list == RELEASES

    @property
    def column(self) -> str:
        """An encoder as tables of single samples call it: by its id, since their rows name the concept's list; a
        release, which draws concepts of any list, by its whole name."""
        return str(self) if self.is_release else self.id


@dataclass(frozen=True, order=True)
class UnitName:
    """One piece of a stage's work. `str` gives its folder below the stage's out:

    | unit of | folder |
    |---|---|
    | an encoder | list/encoder |
    | an encoder and an attack (`part`) | list/encoder/attack |
    | a concept | list/concept |
    | a concept's anchor (`part`) | list/concept--anchor |
    | a concept under an encoder | list/encoder/list--concept |
    | a concept under the base's own encoder (`original`) | original/list/concept |
    """

    encoder: Name | None = None
    concept: Name | None = None
    part: str = ""
    original: bool = False

    def __str__(self) -> str:
        if self.original:
            return f"{ORIGINAL}/{self.concept}"
        if self.encoder is not None and self.concept is not None:
            return f"{self.encoder}/{self.concept.stem}"
        if self.encoder is not None:
            return f"{self.encoder}/{self.part}" if self.part else str(self.encoder)
        return f"{self.concept}--{self.part}" if self.part else str(self.concept)

    @property
    def stem(self) -> str:
        """The name as one word, for a file."""
        return str(self).replace("/", "--")

    @classmethod
    def attack_of(cls, unit: str, encoder: Name) -> str | None:
        """The attack of a unit "list/encoder/attack"; None where it is no attack on this encoder."""
        start = f"{encoder}/"
        rest = unit.removeprefix(start)
        return rest if unit.startswith(start) and "/" not in rest and "--" not in rest else None
