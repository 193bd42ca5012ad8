"""What became of a request, from its decision in words.

    outcome("granted, by the release board")    GRANTED
    outcome("rejected: no such person")         REFUSED
    outcome("not granted yet")                  UNDECIDED

The words before the first comma, colon, dash or parenthesis decide, and all of them must be known: one word more can
turn the others round ("withdrawal granted", "granted by mistake"). What follows is a reason, which may only take the
decision back. So whoever wants to be understood writes `granted` or `refused` first.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from expunge.concepts.decisions import ACT, AGAINST, FORGET, GRANT, KEEPING, NO, decision_of, objection, words_of

GRANTED, REFUSED, UNDECIDED = "granted", "refused", "undecided"

_HEAD = re.compile(r"[,:;(.\n]|\s[-–—]\s")  # what follows is a reason
_STRANGE = re.compile(r"[^\w\s'’\"!…-]|_")  # in a head: "granted = 0", "~~granted~~", "granted/refused"
_MONTH = "(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*"
_DATE = re.compile(
    rf"\b(?:on )?(?:\d{{4}}-\d\d-\d\d(?:[T ][\d:]+(?:Z|[+-][\d:]+)?)?|\d{{1,2}}\.? {_MONTH} \d{{4}}"
    rf"|{_MONTH} \d{{1,2}},? \d{{4}})",
    re.IGNORECASE,
)

# It is not over: such a word anywhere leaves a request undecided.
_HEDGE = re.compile(
    "yet|until|till|now|if|whether|may|might|maybe|perhaps|possibly|probably|should|unless|soon|tempor(ary|arily)"
)
_WAITS = re.compile(
    r"pending|(re)?open(ed)?|(a)?wait(ing|s)?|review(ed|ing)?|defer(red)?|undecided|unresolved|tbd|tbc|todo|unclear|"
    r"appeal(ed|s)?|drafts?|hold|progress|incomplete|partial(ly)?|partly|requested|condition(s|al|ally)?|"
    r"provision(al|ally)?|tentativ(e|ely)|propos(e|ed|al)|recommend(ed)?|disput(e|ed)|contest(ed)?|overturn(ed)?|"
    r"suspend(ed)?|postpon(e|ed)|lift(ed)?|undone|withdr(aw|awn|ew|awal)|reconsider(ed|ing)?|reconsideration"
)
_REVERSES = re.compile(r"revo(ke|kes|ked|cation|king)|rescind(s|ed|ing)?|rescission|annul(s|led|ment)?|revers(e|ed|al)")
_STOPS = re.compile(  # in the reason of a grant
    r"not|no|non|never|none|nobody|neither|nor|cannot|(ca|wo|is|are|was|were|do|does|did|has|have|had|should)nt|"
    r"reject(ed|s|ion)?|den(y|ied|ial)|declin(e|ed|es)|refus(e|ed|al)|cancel(l?ed|lation)?|dismiss(ed|al)?|"
    r"void(ed)?|expired?|duplicates?|dropped|objections?|except(ed|ing|ion|ions)?|exclu(de|des|ded|ding|sion)|"
    r"exempt(ed)?|only|but|however|once|when|provided|assuming|subject|mistak(e|en|enly)|errors?|false"
)

_THE = "(?:(?:the|this|that|a|an|our|their|all) )?"
_BODY = (
    "(?:legal|counsel|release|board|council|court|judge|dpo|data|protection|privacy|officer|office|authority|team|"
    "committee|panel|management|director|owner|policy|safety|trust|editors?|publisher|company|us|holder|artist|"
    "requester|applicant|sender|claimant)"
)
_ASKED = "(?:requests?|application|claim|demand|case)"
_DEED = "(?:removal|erasure|deletion|takedown|optout|unlearning|suppression|forgetting)"
_IS = "(?:(?:is|was|are|were|has been|have been) )?"
_THING = (
    "(?:it|him|her|them|concepts?|artists?|characters?|celebrit(?:y|ies)|persons?|people|objects?|styles?|subjects?|"
    "pictures?|likeness|motions?|names?)"
)
_GIVE = "(?:granted|grant|approved?|accept(?:ed)?|uphold|upheld)"
_YES = "(?:granted|approved|accepted|upheld|honou?red|complied|fulfilled)"
_ERASE = (
    "(?:eras(?:e|ed|ure)|forg(?:et|otten)|remov(?:e|ed|al)|delet(?:e|ed|ion)|unlearn(?:ed|t)?|ablat(?:e|ed|ion)|"
    "suppress(?:ed)?|purged?|takedown|block|ban|banned|(?:block|deny|black)list(?:ed)?)"
)
_NO = "(?:rejected|denied|declined|refused|dismissed|not (?:granted|approved|accepted|upheld|honou?red))"
_TAIL = (
    f"(?: (?:by {_THE}{_BODY}(?: (?:and )?{_THE}{_BODY}){{0,4}}|in (?:full|whole)|fully|entirely|completely"
    "|(?:under|per) (?:the )?(?:gdpr|ccpa|dmca|law|policy|copyright|trademark)(?: (?:art|article|act|law))?"
    "|before (?:the )?(?:next )?release"
    r"|from (?:(?:the|all|our|every|this|any) )?(?:[^ ]+ ){0,2}(?:editions?|releases?|models?|versions?|products?)))*"
)
_GRANTS = re.compile(
    f"(?:(?:{_THE}(?:{_DEED} )?(?:{_ASKED} )?{_IS}(?:fully )?{_YES}(?: for {_DEED})?"
    f"|(?:(?:we|{_THE}{_BODY}(?: {_BODY}){{0,3}}) (?:have |has )?)?{_GIVE}"
    f"(?: {_THE}(?:{_ASKED}|it|{_DEED}))?|comply"
    f"|(?:we )?{_ERASE}(?: {_THE}{_THING})?|{_THE}(?:{_THING} )?(?:must|is|was) (?:be )?{_ERASE}){_TAIL})"
)
_REFUSES = re.compile(
    f"(?:(?:{_THE}(?:{_DEED} )?(?:{_ASKED} )?{_IS}{_NO}|{_THE}(?:{_ASKED} )?{_IS}(?:withdrawn|cancell?ed|void|expired)"
    f"|(?:we )?(?:reject|deny|decline|refuse|dismiss)(?:ed)?(?: {_THE}(?:{_ASKED}|{_DEED}|it))?"
    "|refusal|rejection|denial"
    rf"|{_THE}(?:{_ASKED} )?{_IS}(?:a )?duplicates?(?: of {_THE}(?:{_ASKED} )?(?:[a-z]{{1,5}})?)?"
    f"|(?:keep|kept|retain|retained|preserve|preserved)(?: {_THE}{_THING})?){_TAIL})"
)


def outcome(text: str) -> str:
    """GRANTED, REFUSED or UNDECIDED. What is not understood is undecided, so that nobody takes it for closed."""
    head, reason = _parts(text)
    if _hedged(text):
        return UNDECIDED
    said, words = " ".join(words_of(head)), words_of(reason)
    granted, refused = _GRANTS.fullmatch(said), _REFUSES.fullmatch(said)
    if _STRANGE.search(head) or bool(granted) == bool(refused):
        return UNDECIDED
    if granted:
        words += words_of(head)  # "remove from the cancelled edition"
    stops = [_WAITS, _REVERSES, *([_STOPS, KEEPING] if granted else [ACT, GRANT])]
    turned = _any(stops, words)
    ticked = granted and (reason.strip(" ).!").casefold() in NO or any(map(_is_symbol, reason)))  # "granted: 0"
    return UNDECIDED if turned or ticked else GRANTED if granted else REFUSED


def why_not_granted(text: str) -> str | None:
    """Why nobody may be forgotten on this decision: it refuses, or says that it is not over. None if it grants, or is
    not understood.
    """
    if objection(text) or outcome(text) == REFUSED:
        return f"says {text.strip()[:200]!r}"
    known = outcome(text) == GRANTED or decision_of(text) == FORGET
    if known or outcome(_parts(text)[0]) == GRANTED:  # "granted: no longer an employee"
        stopped = _any(() if known else (_REVERSES,), words_of(_plain(text)))
    else:
        stopped = _hedged(text) or _any((_REVERSES, AGAINST, KEEPING, _WAITS, _STOPS), words_of(_plain(text)))
    return f"says {text.strip()[:200]!r}" if stopped or "?" in text else None


def _any(groups: Iterable[re.Pattern[str]], words: Sequence[str]) -> bool:
    return any(each.fullmatch(word) for word in words for each in groups)


def _plain(text: str) -> str:
    """Without dates, since "May" is a month, too; with letters as everybody writes them."""
    return _DATE.sub(" ", unicodedata.normalize("NFKC", text))


def _parts(text: str) -> tuple[str, str]:
    head, *rest = _HEAD.split(_plain(text).strip(), maxsplit=1)
    return head, " ".join(rest)


def _hedged(text: str) -> bool:
    words = words_of(_plain(text))
    return "?" in _plain(text) or "to be" in " ".join(words) or _any([_HEDGE], words)


def _is_symbol(character: str) -> bool:
    return unicodedata.category(character) == "So" and character not in "✓✔✅"
