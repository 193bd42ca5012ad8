"""What the columns of a table and the keys of a record mean."""

import re
from collections.abc import Mapping, Sequence

from expunge.concepts.importing.decisions import NO, YES, decision_of

# Role -> usual names, compared without case, blanks, hyphens and underscores.
ROLES: dict[str, tuple[str, ...]] = {
    "name": (
        "name", "names", "full name", "display name", "concept", "concepts", "target", "targets", "artist", "artists",
        "character", "characters", "celebrity", "celebrities", "person", "people", "object", "objects", "style",
        "styles", "label", "labels", "term", "terms", "entity", "subject", "tag",
    ),
    "aliases": ("aliases", "alias", "synonyms", "synonym", "aka", "also known as", "other names", "train-coref"),
    "probes": ("probes", "probe", "test-coref", "test aliases"),
    "neighbours": (
        "neighbours", "neighbors", "neighbour", "neighbor", "hard_negative", "hard_negatives", "train-retain",
        "test-retain",
    ),
    "kind": ("kind",),  # a value that is no kind says nothing
    "anchor": ("anchor", "anchors", "anchor concept", "superclass", "mapping concept"),
    "prompts": (),  # only if the user names the column: prompts are as often for tests as for training
    "id": ("request id", "request", "ticket", "case", "case id", "reference"),
    "received": ("received", "received at", "date received", "received on", "submitted", "submitted at"),
    "decided": ("decided", "decided at", "decided on", "decision date"),
    "basis": ("basis", "legal basis", "ground", "grounds", "legal ground"),
}  # fmt: skip
REQUEST = ("id", "received", "decided", "basis")
DECIDING = ("decision", "status", "split", "action", "outcome", "verdict", "disposition", "resolution", "subset")
MAYBE_DECIDING = ("type", "group", "category", "class", "use", "role", "set", "state", "partition", "fold", "mode")
NUMBERING = frozenset(["", "id", "no", "nr", "index", "row"])  # said nothing about: they only count the rows


def plain(name: str) -> str:
    """A column's name as it is compared: "Full_Name" -> "fullname"."""
    return re.sub(r"[\W_]+", "", name.casefold())


def roles_of(names: Sequence[str], chosen: Mapping[str, str]) -> dict[str, list[int]]:
    """Role -> positions of its columns. The name's is the first column in ROLES["name"] that the file has.

    :param chosen: role -> column, in place of the usual names.
    """
    keys = [plain(name) for name in names]
    roles: dict[str, list[int]] = {}
    for role, usual in ROLES.items():
        wanted = (plain(chosen[role]),) if role in chosen else tuple(plain(each) for each in usual)
        taken = {at for places in roles.values() for at in places}
        places = [keys.index(each) for each in dict.fromkeys(wanted) if each in keys and keys.index(each) not in taken]
        if places:
            roles[role] = places if role in ("aliases", "probes", "neighbours", "prompts") else places[:1]
    return roles


def deciding(name: str, values: Sequence[str]) -> bool:
    """Does a column decide which names are forgotten?

    A column such as `decision` or `split` always does, and one called after a decision (`erase`, `keep`) if its values
    are yes and no. A column such as `type` does if one of its values is a known decision.
    """
    words = [value.strip() for value in values if value.strip()]
    if plain(name) in DECIDING:
        return True
    if decision_of(name) is not None:
        return all(word.casefold() in YES | NO or decision_of(word) is not None for word in words)
    return plain(name) in MAYBE_DECIDING and any(decision_of(word) is not None for word in words)


def split_cell(text: str) -> tuple[str, ...]:
    """The parts of a cell with several words, separated by ; or |, or else by commas."""
    pattern = r"[;|]" if re.search(r"[;|]", text) else r","
    return tuple(part for part in re.split(pattern, text) if part.strip())
