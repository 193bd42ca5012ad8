"""What a decision in words comes to, and which decisions a list refuses."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.concepts.outcomes import GRANTED, REFUSED, UNDECIDED, outcome, why_not_granted
from expunge.core.errors import InputError
from expunge.plan.validate_lists import validate

OUTCOMES = {
    GRANTED: [
        "granted", "Granted.", "forget, by the release board on 2026-02-03", "approved", "accepted by legal",
        "takedown honoured", "removal granted", "the request is granted", "we granted the request", "erase",
        "remove from the children's edition", "remove before release", "granted on 3 May 2026", "granted in full",
        "Granted (Art. 17(1)(b))", "must be removed", "granted under GDPR Art. 17",
    ],
    REFUSED: [
        "reject", "rejected: no such person", "refused, by the board: public interest", "not granted", "keep",
        "withdrawn", "Denied", "duplicate of R-5", "erasure denied", "withdrawn by the holder", "refused on 3 May 2026",
    ],
    UNDECIDED: [
        "", "pending", "refused (appeal pending)", "not yet granted", "partially granted", "refusal overturned",
        "removal requested", "granted, then withdrawn", "rejected; later granted", "blue", "on hold", "not refused",
        "approved - stays open until legal signs", "not granted yet", "not approved yet", "not granted, yet",
        "refused for now", "refused until 2026-05-01", "rejected?", "withdrawal granted",
        "withdrawal of the request accepted", "objection granted", "request dropped", "dropped", "request deleted",
        "case removed from list", "granted, then revoked", "granted (revoked)", "granted, rescinded", "granted: no",
        "to be granted", "may be granted", "granted if identity is proven", "un-granted", "granted by mistake",
        "granted: 0", "granted = 0", "~~granted~~", "granted/refused", "granted (\u274c)", "objection rejected",
        "wasn't granted", "granted, except the poster", "refused, granted on appeal", "granted\u200bnot",
        "gr\u0430nted", "refused, then reversed",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("wanted", "text"), [(wanted, text) for wanted, texts in OUTCOMES.items() for text in texts])
def test_what_a_decision_comes_to(wanted: str, text: str) -> None:
    assert outcome(text) == wanted


HEDGES = [
    "yet", "not yet", "until 2027-01-01", "for now", "now", "if paid", "may", "might", "should", "to be", "?", "maybe",
    "perhaps", "unless paid", "whether", "pending", "on hold", "till Monday", "possibly", "temporarily", "reversed",
    "rescinded", "annulled", "revoked", "under review", "on appeal", "undecided",
]  # fmt: skip
CLEAR = OUTCOMES[GRANTED] + OUTCOMES[REFUSED]


@given(st.sampled_from(CLEAR), st.sampled_from(HEDGES), st.integers(0, 12), st.sampled_from(["{}", "({})", ", {},"]))
def test_a_hedge_anywhere_leaves_a_request_undecided(text: str, hedge: str, place: int, form: str) -> None:
    words = text.split()
    words.insert(min(place, len(words)), form.format(hedge))
    assert outcome(" ".join(words)) == UNDECIDED


@given(st.sampled_from(OUTCOMES[GRANTED]), st.sampled_from(["not", "no", "never", "withdrawal of", "refused", "un"]))
def test_what_is_denied_is_not_granted(text: str, word: str) -> None:
    assert GRANTED not in (outcome(f"{word} {text}"), outcome(f"{word}-{text}"))


@given(st.text("abcdefgh", min_size=3, max_size=9), st.sampled_from([w for w in CLEAR if " " not in w]))
def test_a_word_that_nobody_knows_leaves_a_request_undecided(word: str, text: str) -> None:
    assert outcome(f"{word} {text}") == outcome(f"{text.rstrip('.')} {word}") == UNDECIDED


def checked(folder: Path, decision: str) -> list[str]:
    request = f"{{id: R-1, received: 2026-01-31, basis: b, decision: {decision!r}}}"
    text = f"title: T\nowner: o\nconcepts:\n- {{id: a, name: a cup, kind: object, request: {request}}}\n"
    (folder / "l.yaml").write_text(text)
    return [note for note in validate(folder / "l.yaml", None)[1] if "decision" in note]


@pytest.mark.parametrize(
    "decision",
    [
        "cancelled", "void", "expired", "duplicate", "on hold", "no", "not granted yet", "awaiting the court",
        "we said no", "the board met on Tuesday and, after a long talk with all who were there, refused the holder",
        "the board met on Tuesday and after a long talk with everybody who was there it refused what he wanted",
        "to be granted", "may be granted", "granted if identity is proven", "granted, rescinded", "grant it?",
        "withdrawal granted", "allowed to stay",
    ],
)  # fmt: skip
def test_a_list_refuses_what_is_not_granted(tmp_path: Path, decision: str) -> None:
    with pytest.raises(InputError) as error:
        checked(tmp_path, decision)
    assert "l.yaml:4: the request's decision says" in str(error.value)


@pytest.mark.parametrize(
    "decision", ["d", "by the board", "to be erased", "request dropped", "granted: no longer ours"]
)
def test_what_is_not_understood_is_noted(tmp_path: Path, decision: str) -> None:
    (note,) = checked(tmp_path, decision)
    assert f"l.yaml:4: request R-1's decision is not understood: {decision!r}; `expunge requests` calls it" in note


@pytest.mark.parametrize("decision", OUTCOMES[GRANTED])
def test_what_is_granted_needs_no_note(tmp_path: Path, decision: str) -> None:
    assert why_not_granted(decision) is None
    if "'" not in decision:
        assert not checked(tmp_path, decision)
