"""What the columns of a table and the keys of a record mean."""

import re
from collections.abc import Collection, Mapping, Sequence

from expunge.concepts.decisions import FORGET, KEEP, NO, YES, decision_of, instruction, objection, words_of

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
    "due": (
        "due", "due at", "due by", "due on", "due date", "deadline", "respond by", "response due", "answer by",
        "complete by", "statutory deadline",
    ),
    "decided": ("decided", "decided at", "decided on", "decision date"),
    "basis": ("basis", "legal basis", "ground", "grounds", "legal ground"),
}  # fmt: skip
REQUEST = ("id", "received", "due", "decided", "basis")
DECIDING = (
    "decision", "status", "split", "action", "outcome", "verdict", "disposition", "resolution", "subset", "response",
    "ruling", "determination", "result", "judgement", "judgment", "entscheidung", "ergebnis", "décision", "statut",
    "decisión", "resultado",
)  # fmt: skip
MAYBE_DECIDING = ("type", "group", "category", "class", "use", "role", "set", "state", "partition", "fold", "mode")
NUMBERING = frozenset(["", "id", "no", "nr", "index", "row"])  # said nothing about: they only count the rows
_REMARKS = frozenset(
    [
        "note",
        "notes",
        "remark",
        "remarks",
        "comment",
        "comments",
        "description",
        "bemerkung",
        "bemerkungen",
        "kommentar",
        "text",
        "prompt",
        "caption",
    ]
)  # free texts: what one says decides about its own row alone
_PARTS_OF_NAMES = frozenset([
    "vorname", "vornamen", "firstname", "firstnames", "givenname", "givennames", "forename", "prénom", "prenom",
    "nombre", "first", "given", "lastname", "surname", "familyname", "nachname", "familienname", "zuname", "apellido",
    "apellidos", "nom", "cognome", "last", "family",
])  # fmt: skip
_ATTRIBUTES = frozenset([
    "style", "styles", "label", "labels", "tag", "term", "terms", "entity", "object", "objects", "subject",
])  # fmt: skip
_MOST_ANSWERS = 50  # different cells of a column of yes and no
_FOREIGN = frozenset(["ja", "nein", "oui", "non", "si", "sí", "nej", "nee", "sim", "não", "tak", "nie", "да", "нет"])
_NUMBERS = frozenset(["seed", "seeds", "fold", "epoch", "count", "score", "level", "rank", "age", "sex", "gender"])
_NOTHING = NO | {"none", "unknown"}  # cells that say that there is nothing


def plain(name: str) -> str:
    """A column's name as it is compared: "Full_Name" -> "fullname"."""
    return re.sub(r"[\W_]+", "", name.casefold())


_NAMES = tuple(plain(each) for each in ROLES["name"])


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


def deciding(name: str, values: Collection[str], telling: Collection[str]) -> bool:
    """Does a column decide which names are forgotten?

    A column that is named after a decision (`erase`, `rejected_on`) or with a word such as `decision` or `status`
    always does, a column such as `type` if one of its values is a known decision, and any other if one of its values is
    nothing but a decision. What remarks say concerns their own row alone.

    :param name: "" for a column without a name. :param values: the different cells of the column.
    :param telling: those of them that `tells` knows.
    """
    key = plain(name)
    if _counts(name, values):
        return False
    if key not in NUMBERING - {"no"}:
        if decision_of(name) is not None or any(word in DECIDING for word in words_of(name)):
            return True
        if key in MAYBE_DECIDING:
            return any(decision_of(value) is not None for value in telling)
    texts = {value.strip().casefold() for value in values} - {""} if len(values) <= _MOST_ANSWERS else set()
    if not key or key.isdigit():  # without a name, nothing says what a yes or a no there answers
        if any(text in YES | NO and text.isalpha() and len(text) > 1 for text in texts):
            return True
        if texts <= YES | NO and texts & NO:
            return True
    if texts <= YES | NO | _FOREIGN and texts & (NO | _FOREIGN) and len(texts) > 1 and key not in _NUMBERS:
        return True  # answers to a question that is not understood
    if _REMARKS & {key, *words_of(name)}:
        return False
    return any(map(is_decision, telling))


def is_decision(cell: str) -> bool:
    """Is a cell nothing but a decision? A "no" or a "none" alone answers another question."""
    return cell.strip().casefold() not in _NOTHING and instruction(cell) is not None


def _counts(name: str, values: Collection[str]) -> bool:
    """Is this a column of numbers ("no", "catalogue no"), in which "no" is no word against?"""
    words = words_of(name)
    if not words or words[-1] != "no" or decision_of(" ".join(words[:-1])) is not None:
        return False
    texts = {value.strip() for value in values} - {""}
    return bool(texts) and not texts <= {"0", "1"} and all(re.search(r"\d", text) for text in texts)


# Beginnings of the words of `decisions`, so that few words are looked up there.
_STEMS = frozenset([
    "era", "exc", "exe", "exp", "for", "rem", "rej", "ref", "ret", "rev", "reo", "req", "rel", "res", "rec",
    "unl", "unt", "una", "unc", "und", "unr", "unk", "del", "den", "dec", "def", "dis", "dra", "dro", "dup",
    "abl", "sup", "sus", "sug", "blo", "bla", "ban", "tar", "tak", "pur", "scr", "cen", "pro", "pre", "pen",
    "par", "per", "pos", "nuk", "opt", "ope", "gra", "app", "acc", "uph", "kee", "kep", "hol", "hel", "all",
    "whi", "saf", "spa", "sur", "mai", "may", "no", "not", "non", "nev", "nei", "can", "wit", "wai", "awa", "tbc",
    "tbd", "tod", "inc", "irr", "ign", "ski", "voi", "fal", "con", "ten", "ove", "sto", "lif", "won", "wou",
    "isn", "are", "wer", "was", "don", "doe", "did", "sho", "cou", "mus", "has", "hav", "had", "dow",
])  # fmt: skip
_HALVES = frozenset(["hold", "held", "take", "taken", "opt", "opted", "white", "block", "allow"])  # "opt in"
_WAITING = frozenset(["open", "opened", "reopened", "hold", "void", "review", "draft"])
_PLACES = frozenset(["on", "in", "under", "at", "with"])  # "on hold"
_WITHIN = re.compile(r"[a-z][A-Z]")  # a capital within a word: two words may be written as one
_TO_BLANKS = {i: None if chr(i) == "'" else " " for i in range(128) if not chr(i).isalpha()}


def tells(text: str) -> bool:
    """Does a text hold any word that decides? A quick test: most cells do not, and need no closer look."""
    text = text[:201]
    if text.isascii() and (text.istitle() or text.islower() or _WITHIN.search(text) is None):
        words = text.translate(_TO_BLANKS).lower().split()
    else:
        words = words_of(text)
    return any(word[:3] in _STEMS and (word in _HALVES or decision_of(word) is not None) for word in words)


def stops(cell: str) -> bool:
    """Is a cell nothing but words that speak against forgetting ("on hold", "open")? Names may be like that, too."""
    text = cell.strip().casefold()
    return text in _WAITING or (text not in _NOTHING and heading_of(cell) not in (None, FORGET))


def heading_of(text: str) -> str | None:
    """What a text decides about all names below it ("Artists to keep", "on hold"); None if it may be a name itself.

    "No Doubt" and "Grant" are as likely names.
    """
    said = decision_of(text)
    if said is None:
        return None
    words = words_of(text)
    known = [word in _PLACES or decision_of(word) is not None or decision_of(f"keep {word}") == KEEP for word in words]
    clear = (len(words) > 1 and all(known)) or any(word in _NAMES for word in words)
    return said if clear or instruction(text) is not None or objection(text) is not None else None


def wrong_names(names: Sequence[str], at: int, left: Sequence[int], said: bool) -> tuple[str, str] | None:
    """(what is wrong, what to write) if the names may not be in the column `at` alone; None if they are.

    :param left: columns without a role that the user does not ignore. :param said: the user named the column.
    """
    parts = [names[i] for i in left if plain(names[i]) in _PARTS_OF_NAMES]
    if parts and plain(names[at]) not in ("fullname", "displayname"):
        what = f"has parts of names in two columns, {names[at]} and {parts[0]}"
        fix = f"join them in one column called 'full name', as prompts write them (or --ignore-column {parts[0]!r})"
        return what, fix
    seconds = [i for i in left if plain(names[i]) in _NAMES and decision_of(names[i]) is None and not said]
    soft = plain(names[at]) not in _ATTRIBUTES  # a style beside an artist is no second name
    seconds = [i for i in seconds if not (soft and plain(names[i]) in _ATTRIBUTES)]
    if seconds:
        both = ", ".join(names[i] for i in (at, *seconds))
        return f"has several columns that may hold the names: {both}", "write --name-column with one of them"
    return None


def split_cell(text: str) -> tuple[str, ...]:
    """The parts of a cell with several words, separated by ; or |, or else by commas."""
    pattern = r"[;|]" if ";" in text or "|" in text else r","
    return tuple(part for part in re.split(pattern, text) if part.strip())
