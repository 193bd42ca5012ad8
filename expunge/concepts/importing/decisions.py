"""What a word in a column or a key says about a name: forget it, keep it, or neither.

    decision_of("Retained")        KEEP
    decision_of("reject")          "the file says 'reject'"
    decision_of("blue")            None: the word is not known

A word that is not known decides nothing: its row is refused, because a guess could turn a user's list round.
"""

import re
from functools import lru_cache
from itertools import pairwise

FORGET, KEEP = "forget", "keep"
# Beginnings of words; with "$", whole words.
_FORGET = re.compile("|".join((
    "eras", "forg", "remov", "unlearn", "delet", "ablat", "suppress", "block", "ban$", "bans$", "banned$", "bann",
    "target", "takedown", "purge", "scrub", "censor", "prohibit", "forbid", "disallow", "denylist", "grant", "approv",
    "accept", "upheld", "uphold", "nuke", "drop$",
)))  # fmt: skip
_KEEP = re.compile("|".join((
    "keep", "kept", "retain", "retention", "preserv", "holdout", "heldout", "protect", "allow", "whitelist", "safe$",
    "safelist", "spare", "remain", "surviv", "untouch", "unaffected", "maintain",
)))  # fmt: skip
_NEITHER = re.compile("|".join((
    "not$", "no$", "non$", "never$", "dont$", "without", "reject", "denied", "deny$", "denial", "declin", "refus",
    "withdraw", "withdrew", "cancel", "dismiss", "revok", "pending", "open$", "opened$", "wait", "review", "deferr",
    "undecided", "unresolved", "tbd$", "todo$", "unknown", "appeal", "draft", "hold$", "progress", "incomplete",
    "exclu", "exempt", "ignor", "skip", "void$", "expired", "duplicate", "false$", "partial", "partly", "part$",
    "condition", "provision", "tentativ", "propos", "suggest", "recommend", "candidat", "consider", "disput", "contest",
    "requested$",
)))  # fmt: skip
_SURE = re.compile(
    r"(?<![^\W\d_])(?:keep|kept|retain|preserv|h[oe]ld[- _]?out|reject|denied|declin|refus|withdr|pending|dismiss|"
    r"revok|deferr|undecided|exempt)",
    re.IGNORECASE,
)
_FILLERS = frozenset(
    ["to", "be", "it", "this", "these", "please", "the", "set", "list", "do", "names", "concepts", "all", "out"]
)
_INSTRUCTS = re.compile(
    r"eras\w*|forget|forgotten|remov\w*|unlearn\w*|delet\w*|ablat\w*|keep|kept|retain\w*|preserv\w*|hold|held|holdout|"
    r"protect\w*|reject\w*|pending|den(?:y|ied)|withdrawn|exclu\w*|exempt\w*|no|not|dont|never|"
    + "|".join(sorted(_FILLERS))
)
YES = frozenset(["yes", "y", "true", "t", "1", "x", "✓", "✔"])
NO = frozenset(["no", "n", "false", "f", "0"])


def _has(words: list[str], beginnings: re.Pattern[str]) -> bool:
    return any(map(beginnings.match, words))


def words_of(text: str) -> list[str]:
    """The words of a key or a value, in lower case, and those that capitals begin: "toKeep" -> [tokeep, to, keep]."""
    bare = text.replace("'", "").replace("’", "")
    whole, spaced = (
        re.findall(r"[^\W\d_]+", each.casefold()) for each in (bare, re.sub("(?<=[a-z])(?=[A-Z])", " ", bare))
    )
    return whole if whole == spaced else [*whole, *spaced]


@lru_cache(maxsize=10_000)
def decision_of(text: str) -> str | None:
    """FORGET, KEEP, a reason to refuse, or None if no word is known."""
    words = words_of(text)
    words += [a + b for a, b in pairwise(words) if (a, b) in (("hold", "out"), ("held", "out"))]
    words += ["takedown"] if words[:2] == ["take", "down"] else []
    held_out = "holdout" in words or "heldout" in words
    if _has(words, _NEITHER) and not held_out:
        return f"the file says {text.strip()!r}"
    keep, forget = _has(words, _KEEP), _has(words, _FORGET)
    if keep and forget:
        return f"the file says {text.strip()!r}, which means both to forget and to keep"
    return KEEP if keep else FORGET if forget else None


def decision_of_cell(column: str, value: str) -> str:
    """What a cell decides, in a column that is known to decide. An unknown word is a reason to refuse.

    In a column that is called after a decision ("erase", "keep"), a yes or a no is understood as well.
    """
    text, named = value.strip(), decision_of(column)
    if not text:
        return f"its {column!r} is empty"
    if named in (FORGET, KEEP) and text.casefold() in YES:
        return named
    if text.casefold() in NO:
        return f"its {column!r} says {text!r}"
    return decision_of(text) or f"its {column!r} says {text!r}, which is not known; write forget or keep there"


def instruction(text: str) -> str | None:
    """What a text decides if it is nothing but a decision, such as "keep" or "to be erased"; None for everything else.

    Every word must be one that no name is likely to hold: "Grant Wood" decides nothing.
    """
    words = words_of(text) if len(text) <= 40 else []
    if not words or not all(_INSTRUCTS.fullmatch(word) for word in words) or all(word in _FILLERS for word in words):
        return None
    return decision_of(text)


def remark_against(column: str, value: str) -> str | None:
    """Why a row is no concept, if a cell of any other column says so in three words at the most; else None.

    Only words that leave no doubt count here: in a column `gender`, "unknown" says nothing about a decision.
    """
    if len(value) <= 40 and _SURE.search(value) and len(words_of(value)) <= 3:
        return f"its {column!r} says {value.strip()!r}"
    return None


def combined(decisions: list[str]) -> str:
    """The decision of a row with several: a reason to refuse comes first, and forget and keep exclude each other."""
    for each in decisions:
        if each not in (FORGET, KEEP):
            return each
    if len(set(decisions)) > 1:
        return "the file says both to forget and to keep it"
    return decisions[0] if decisions else FORGET
