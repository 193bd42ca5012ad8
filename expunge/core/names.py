"""Names and ids: when two names are the same, what an id may be, and which characters a list must not hold."""

import hashlib
import re
import unicodedata

ID = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
LONGEST_ID = 64  # characters; ids are folder names, several deep, and Windows stops at 260 in all
RESERVED = frozenset(
    ["con", "prn", "aux", "nul", *(f"com{i}" for i in range(10)), *(f"lpt{i}" for i in range(10))]
)  # names of devices on Windows, with any ending
_SPELLED = str.maketrans({
    "\u0131": "i",
    "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "&": " and ",
    "'": "", "’": "", "‘": "", "ʼ": "", "`": "", "´": "", ".": " ",
})  # fmt: skip
# Printed as nothing although they count as letters or symbols.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Scripts whose spelling needs the zero width joiner or non-joiner.
_JOINING = frozenset([
    "ARABIC", "SYRIAC", "MONGOLIAN", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "ORIYA", "TAMIL", "TELUGU",
    "KANNADA", "MALAYALAM", "SINHALA", "MYANMAR", "KHMER", "TIBETAN",
])  # fmt: skip
# Plain ASCII and common letters, which need no closer look. Texts with anything else are searched letter by letter.
_PLAIN = re.compile(r"[\n -~\u00a0-\u00ac\u00ae-\u02ff]*")


def same(name: str) -> str:
    """The form in which names are compared: NFC, case folded, blanks run together. An idempotent map."""
    if name.isascii():  # nothing to compose: quicker for most names
        return " ".join(name.lower().split())
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
    return " ".join(folded.split())


def tidy(text: str) -> str:
    """The form in which names are kept: NFC, blanks run together, none at the ends."""
    return " ".join((text if text.isascii() else unicodedata.normalize("NFC", text)).split())


def slug(text: str) -> str:
    """An id made of a name: always valid, and the same for the same name. Not unique: "Mr. X" and "mr x" give one id.

    A name without any Latin letter or digit becomes "concept-" and eight hex digits of its sha256.
    """
    plain = unicodedata.normalize("NFKD", text.casefold()).casefold().translate(_SPELLED)
    plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    made = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if len(made) > LONGEST_ID - 8:  # leave room for "-2", "-3" when two names give the same id
        made = made[: LONGEST_ID - 8].rpartition("-")[0] or made[: LONGEST_ID - 8]
    if not made:
        return "concept-" + hashlib.sha256(same(text).encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{made}-1" if made in RESERVED | {"original", "releases"} else made


def id_problem(text: str) -> str | None:
    """Why a text is no id (of a concept, a list, a group), or None. An id is the name of a folder on any system."""
    if not text.strip():
        return "is empty"
    if ".." in text or text.startswith((".", "~")):
        return "would leave or hide its folder"
    if re.search(r"[/\\]|^[A-Za-z]:", text):
        return "is a path, not a name"
    if text.split(".")[0].lower() in RESERVED:
        return "is the name of a device on Windows"
    if text == "original":
        return "stands for the original encoder in every table"
    if text == "releases":
        return "stands for the releases of params.yaml in every table"
    if text != text.lower():
        return "holds capital letters, which some file systems do not tell apart"
    if len(text) > LONGEST_ID:
        return f"is {len(text)} characters long and {LONGEST_ID} fit"
    if not ID.fullmatch(text):
        return "holds more than a-z, 0-9 and single - or _ between them"
    return None


def _joins(text: str, i: int) -> bool:
    """Is this a joiner or a non-joiner where spelling needs one: between letters of such a script, or in an emoji?"""
    if text[i] not in "\u200c\u200d" or not 0 < i < len(text) - 1:
        return False
    before, after = text[i - 1], text[i + 1]
    if text[i] == "\u200d" and unicodedata.category(after) == "So":
        return unicodedata.category(before) in ("So", "Sk") or before == "\ufe0f"
    return all(unicodedata.name(each, "").split(" ")[0] in _JOINING for each in (before, after))


def bad_character(text: str) -> tuple[int, str] | None:
    """The place (0-based) and the name of the first character that is a control, invisible, bidi or a stray one."""
    if _PLAIN.fullmatch(text):
        return None
    for i, character in enumerate(text):
        category = unicodedata.category(character)
        code = f"U+{ord(character):04X}"
        if character in _BIDI:
            return i, f"the character {code}, which turns the direction of writing"
        if character == "\ufeff":
            return i, f"a byte order mark ({code})"
        if (category == "Cf" and not _joins(text, i)) or character in _BLANK:
            return i, f"the invisible character {code}"
        if (category == "Cc" and character not in "\n\r\t") or category in ("Zl", "Zp"):
            return i, f"the control character {code}"
        if character == "\ufffd":
            return i, f"{code}: a letter was read in the wrong encoding"
        if category in ("Cs", "Co") or ord(character) & 0xFFFE == 0xFFFE:
            return i, f"{code}, which is no character"
    return None
