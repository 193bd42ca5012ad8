"""What words say about a name: forget it, keep it, or neither.

    decision_of("to be erased")        FORGET
    decision_of("Artists to keep")     KEEP
    decision_of("rejected")            "the file says 'rejected'": a reason to refuse
    decision_of("removal blocked")     a reason, too: two words of one kind can turn each other round
    decision_of("blue")                None: no word of it decides

Every word must be known, since one unknown word can turn the others round ("consent granted", "removed from list").
Where the meaning is not certain, the answer is a reason, and the row is refused: a guess could turn a list round.
"""

import re
from functools import lru_cache

FORGET, KEEP = "forget", "keep"


def _pattern(*forms: str) -> re.Pattern[str]:
    return re.compile("|".join(forms))


# Whole words, in the forms that people write. "granted" and "removal" may stand together, two of one group may not.
ACT = _pattern(
    "eras(e|es|ed|ing|ure|ures)", "forg(et|ets|ot|otten|etting)", "remov(e|es|ed|ing|al|als)", r"unlearn(s|ed|ing|t)?",
    "delet(e|es|ed|ing|ion|ions)", "ablat(e|es|ed|ing|ion)", r"suppress(ed|es|ing|ion)?", r"block(ed|s|list|listed)?",
    "ban", "bans", "banned", r"targets?", "targeted", r"takedowns?", "purg(e|ed)", r"scrub(bed)?", r"censor(ed)?",
    "prohibited", "forbidden", "disallowed", r"deny?list(ed)?", r"blacklist(ed)?", "nuke", "drop", "dropped", "optout",
)  # fmt: skip
GRANT = _pattern("grant", "granted", r"approv(e|ed|al)", r"accept(ed)?", "upheld", "uphold")
KEEPING = _pattern(
    r"keep(s|ing)?", "kept", r"retain(s|ed|ing)?", "retention", r"preserv(e|es|ed|ing|ation)", r"holdouts?", "heldout",
    r"protect(ed|s)?", r"allow(ed|list|listed|s)?", r"whitelist(ed)?", r"safe(list|listed)?", r"spared?",
    r"remain(s|ing)?", r"surviv(e|es|ed|ing)", "untouched", "unaffected", "unchanged", r"maintain(ed)?", "optin",
)  # fmt: skip
AGAINST = _pattern(
    "not", "no", "non", "never", "none", "neither", "cannot", "without", r"reject(ed|s|ion)?", "denied", "deny",
    "denial",
    r"declin(e|ed|es)", r"refus(e|ed|al)", r"withdr(aw|awn|ew)", r"cancel(l?ed)?", r"dismiss(ed)?", r"revok(e|ed)",
    "pending", "open", "opened", "reopened", r"wait(ing)?", "await(ing)?", r"review(ed|ing)?", r"defer(red)?",
    "undecided",
    "unresolved", "tbd", "tbc", "todo", "unknown", "unclear", r"appeal(ed|s)?", r"drafts?", "hold", "progress",
    "incomplete", r"exclu(de|des|ded|sion|sions)", r"except(ed|ing|ion|ions)?", r"exempt(ed|ion|ions)?",
    r"ignor(e|ed)", r"skip(ped)?", "void", "expired", r"duplicates?", "false", "partial", "partially", "partly", "part",
    r"condition(al|ally)?", r"provision(al|ally)?", r"tentativ(e|ely)", r"propos(e|ed|al)", r"suggest(ed)?",
    r"recommend(ed)?", r"candidates?", r"consider(ed|ing)?", r"disput(e|ed)", r"contest(ed)?", "requested", "maybe",
    "perhaps", "possibly", "unless", r"overturn(ed)?", r"revers(e|ed)", r"suspend(ed)?", r"stop(ped)?",
    r"postpon(e|ed)", r"lift(ed)?", "undo", "undone", "restored?", "irrelevant", "unrelated", "related", "nontarget",
    "(ca|wo|is|are|was|were|do|does|did|should|would|could|must|has|have|had)nt",
)  # fmt: skip
_FILLER = _pattern(
    "to", "be", "being", "been", "is", "are", "was", "were", "it", "this", "these", "those", "please", "the", "a", "an",
    "set", "list", "lists", "do", "must", "should", "will", "all", "out", "off", "of", "for", "and", "or", "as", "we",
    "who", "that", "have", "has", "by", "model", "following", "requests?", "train", "touch(ed)?", "test",
    "eval", "split", "below",
)  # fmt: skip
_THING = _pattern(
    r"concepts?", r"names?", r"artists?", r"characters?", r"celebrit(y|ies)", r"persons?", "people", r"objects?",
    r"styles?", r"subjects?", r"terms?", r"items?", r"entit(y|ies)", r"words?", r"images?", r"examples?", r"rows?",
    "entries", "entry", r"records?", "data", r"ids?", r"categor(y|ies)", r"class(es)?", "ip", r"motions?", r"things?",
)  # fmt: skip
_GROUPS = (KEEPING, ACT, GRANT, AGAINST, _pattern(_FILLER.pattern, _THING.pattern))
_JOINED = {
    ("hold", "out"): "holdout", ("held", "out"): "heldout", ("take", "down"): "takedown", ("taken", "down"): "takedown",
    ("opt", "out"): "optout", ("opted", "out"): "optout", ("opt", "in"): "optin", ("opted", "in"): "optin",
    ("white", "list"): "whitelist", ("block", "list"): "blocklist", ("allow", "list"): "allowlist",
}  # fmt: skip
# Decisions that are names as well ("Target", "Grant"): they decide in a column or a key, never in a list of names.
_NAMELIKE = _pattern(
    "target", "grant", "drop", "spare", "safe", r"open(ed)?", "block", "nuke", "part", "hold", "void", "progress",
    "ban", "review", "contest", "optin", "optout", "unknown", "draft", "remain",
)  # fmt: skip
_SURE = _pattern(
    "keep", "kept", r"retain(ed)?", r"preserved?", r"holdout", r"whitelist(ed)?", r"allowlist(ed)?", r"safelist(ed)?",
    "protected", "allowed", r"reject(ed)?", "denied", "declined", "refused", "withdrawn", "pending", "dismissed",
    "revoked", "deferred", "undecided", r"exempt(ed)?", "excluded",
)  # fmt: skip
_EDGE = _pattern(_SURE.pattern, "not", r"except(ed|ing)?", "skip", r"ignore(d)?", "exclude", "unless", "dont",
                 "forget", "erase", "remove", "unlearn", "delete")  # fmt: skip
_EDGES = re.compile(rf"\b(?:{_EDGE.pattern}|don['’]t|hold|held|white|allow)", re.IGNORECASE)  # a quick look
_NEGATION = _pattern("not", "never", "cannot", "without", "no", "(ca|wo|is|are|do|does|did|should|must)nt")
_TO_COME = _pattern("to", "should", "will", "must")
_TOUCH = _pattern("touch(ed)?", "change", "include", "concern(ed)?")
_HINT = re.compile(  # a text without any of these holds no objection: most cells end here
    r"keep|kept|retain|preserv|h[oe]ld|list|protect|allow|reject|denied|declin|refus|withdr|pend|dismiss|revok|defer|"
    r"undecid|exempt|exclu|n['’]?t\b|never|without|\b(?:no|not|cannot)\b",
    re.IGNORECASE,
)
_FORMS = "|".join(re.sub(r"\([^()]*\)\??", "", each.pattern) for each in _GROUPS[:4]).split("|")
_FIRST = frozenset(form[:3] for form in _FORMS)  # letters of deciding words: most names have none, and are done with
_BEGINS = re.compile(
    r"(?:(?<![^\W\d_])|(?-i:(?<=[a-z])(?=[A-Z])))(?:" + "|".join(sorted(_FIRST)) + ")"
    r"|nt(?!(?-i:[a-z]))",
    re.IGNORECASE,
)
YES = frozenset(["yes", "y", "true", "t", "1", "x", "✓", "✔", "on"])
NO = frozenset(["no", "n", "false", "f", "0", "off", "✗", "✘", "-", "—"])
MOST_WORDS = 8  # of a remark that is taken for a decision
MOST_CACHED = 250_000  # texts: those of a long file, so that each is looked at once
LONGEST = 200  # characters of a key or a value that can be a decision


def words_of(text: str) -> list[str]:
    """The words of a key or a value, in lower case; "hold out" is one. Capitals begin words: "toKeep" -> [to, keep]."""
    words: list[str] = []
    for token in re.findall(r"[^\W\d_]+", text.replace("'", "").replace("’", "")):
        whole = token.casefold()
        one = token.islower() or token.istitle() or any(group.fullmatch(whole) for group in _GROUPS)
        for word in [whole] if one else re.sub(r"(?<=[a-z])(?=[A-Z])", " ", token).casefold().split():
            both = _JOINED.get((words[-1], word)) if words else None
            words[len(words) - (both is not None) :] = [both or word]
    return words


def may_decide(text: str) -> bool:
    """A quick test: False only if no word of a text decides."""
    for token in text.split():
        if not (token.isalpha() and token.isascii() and token[1:].islower()):
            if not token.isascii() or "'" in token or _BEGINS.search(token) is not None:
                return True
        elif token[:3].lower() in _FIRST or token[:2].lower() in _FIRST or token.endswith("nt"):
            return True
    return False


@lru_cache(maxsize=MOST_CACHED)
def decision_of(text: str) -> str | None:
    """FORGET, KEEP, a reason to refuse, or None if no word of it decides."""
    words = words_of(text[: LONGEST + 1]) if may_decide(text) else []
    keep, act, grant, against, filler = ([w for w in words if each.fullmatch(w)] for each in _GROUPS)
    if not keep and not act and not grant and not against:
        return None
    says = f"the file says {text.strip()[:LONGEST]!r}"
    if against:
        return says
    if keep and (act or grant):
        return f"{says}, which means both to forget and to keep"
    unknown = len(keep) + len(act) + len(grant) + len(filler) < len(words) or len(text) > LONGEST
    to_come = grant and not act and any(map(_TO_COME.fullmatch, words))  # "to be granted"
    granted_to_whom = grant and not act and any(map(_THING.fullmatch, words))  # "approved artists": may they stay?
    if unknown or len(act) > 1 or granted_to_whom or to_come:
        return f"{says}, which is not understood; write forget or keep there"
    return KEEP if keep else FORGET


def decision_of_cell(column: str, value: str) -> str:
    """What a cell decides, in a column that is known to decide. An unknown word is a reason to refuse.

    In a column that is called after a decision ("erase", "keep"), a yes or a no is understood as well.
    """
    text, named = value.strip(), decision_of(column)
    if not text:
        return f"its {column!r} is empty"
    if named in (FORGET, KEEP) and text.casefold() in YES:
        return named
    if text.casefold() in NO or text.casefold() in YES or "?" in text:
        return f"its {column!r} says {text!r}"
    if named not in (None, FORGET, KEEP):
        return f"its {column!r} says {text!r}"
    return decision_of(text) or f"its {column!r} says {text!r}, which is not known; write forget or keep there"


def only_names(text: str) -> bool:
    """Does a key say no more than that there are names below it ("concepts", "list_of_artists")?"""
    words = words_of(text)
    return any(map(_THING.fullmatch, words)) and all(map(_GROUPS[-1].fullmatch, words))


@lru_cache(maxsize=MOST_CACHED)
def instruction(text: str) -> str | None:
    """What a text decides if it is nothing but a decision, such as "keep" or "to be erased"; None for everything else.

    It must hold a word that no name is likely to be: "Target" and "Grant Wood" decide nothing.
    """
    words = words_of(text) if len(text) <= LONGEST and may_decide(text) else []
    said = [word for word in words if any(group.fullmatch(word) for group in _GROUPS[:4])]
    if not said or all(map(_NAMELIKE.fullmatch, said)) or len(said) < sum(_FILLER.fullmatch(w) is None for w in words):
        return None
    return decision_of(text)


@lru_cache(maxsize=MOST_CACHED)
def objection(text: str) -> str | None:
    """Why a name is not simply forgotten, if a remark beside it says so in a few words ("rejected", "do not remove").

    A remark may stand in another column, in parentheses, behind a comma or in a comment. Long texts object only with a
    negated instruction, since "he kept a diary" says nothing about a decision.
    """
    if (
        not may_decide(text) or not _HINT.search(text) or text.strip().casefold() in NO
    ):  # "no" alone answers another question
        return None
    words = words_of(text[:LONGEST])
    negated = any(
        _NEGATION.fullmatch(word) and any(ACT.fullmatch(w) or _TOUCH.fullmatch(w) for w in words[i + 1 : i + 4])
        for i, word in enumerate(words)
    )
    if negated or (len(words) <= MOST_WORDS and any(map(_SURE.fullmatch, words))):
        return f"says {text.strip()[:LONGEST]!r}"
    said = instruction(text)
    return f"says {text.strip()[:LONGEST]!r}" if said not in (None, FORGET) else None


def edge_word(text: str) -> str | None:
    """The word with which a line begins or ends that may decide about the rest of it ("except Ines", "Ines KEEP")."""
    words = words_of(text) if len(text) <= LONGEST and _EDGES.search(text) else []
    if len(words) < 2:
        return None
    return next((word for word in (words[0], words[-1]) if _EDGE.fullmatch(word)), None)


def combined(decisions: list[str]) -> str:
    """The decision of a row with several: a reason to refuse comes first, and forget and keep exclude each other."""
    for each in decisions:
        if each not in (FORGET, KEEP):
            return each
    if len(set(decisions)) > 1:
        return "the file says both to forget and to keep it"
    return decisions[0] if decisions else FORGET
