"""Attacks: what each one feeds, that searches find what they look for, and how goals are counted."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from expunge.attacks import (
    ATTACKS,
    Try,
    Victim,
    attempts,
    check_budgets,
    words,
)
from expunge.attacks.attempts import Carried, attack, replay, tries_of
from expunge.attacks.inversion import learn, position
from expunge.attacks.keeping import kept_problems, with_new
from expunge.attacks.mixture import mean, past
from expunge.attacks.records import Attempt, Outcome
from expunge.attacks.replayed import COLUMNS, KeptPrompt, read_kept, worth_keeping, write_kept
from expunge.attacks.ring_a_bell import goals, search
from expunge.attacks.soft import denoising_loss, encode_soft, whole_words
from expunge.attacks.unlearndiffatk import search as gradient_search
from expunge.bases.edits import Edit
from expunge.bases.families import sd
from expunge.bases.text import distance, encode_prompts, text_gram
from expunge.concepts.concept import Concept
from expunge.concepts.confidential import Secret, Veil
from expunge.core.errors import InputError
from tests.support.paths import ROOT

BOLT = Concept("bolt", "bolt", "character", ("zap",), "toy", ("gizmo", "a cog"))


@pytest.fixture
def victim(tiny_base: Any) -> Victim:
    latents = torch.randn(3, 8, 16, 16, generator=torch.Generator().manual_seed(1))
    return Victim(tiny_base, Edit(tiny_base.encoder), BOLT, ("bolt",), ("one {}", "{} on it"), ("toy",), latents)


def test_other_words_are_other_words(victim: Victim) -> None:
    texts = words.variants(("a bolt",), ("zap",))
    assert {"zap", "a blot", "a bot", "a b o l t", "bolt", "A BOLT", "something that looks like a bolt"} <= set(texts)
    assert "a bolt" not in texts and len(texts) == len(set(texts))
    tries = words.run(victim, {}, 9, torch.Generator().manual_seed(0))
    read = victim.base.t2i.tokenizer
    ids = [tuple(read(t.prompt).input_ids) for t in tries]
    assert len(set(ids)) == len(tries) == 9 and [t.goal for t in tries] == list(range(9))
    assert not {tuple(read(prompt).input_ids) for prompt in victim.prompts} & set(ids)  # BOLT is read as bolt
    assert tries[0].prompt == "one zap"


@given(st.text("abcdefgh ", min_size=1, max_size=20).filter(str.strip))
def test_a_variant_is_never_the_word_itself(text: str) -> None:
    word = " ".join(text.split())
    assert word not in list(words.misspelt(word)) and all(words.misspelt(word))


def test_languages_need_their_words(victim: Victim) -> None:
    vocabulary = {"una</w>": 0, "foto</w>": 1, "de</w>": 2, "ein</w>": 3}
    pipe = SimpleNamespace(tokenizer=SimpleNamespace(get_vocab=lambda: vocabulary))
    base = SimpleNamespace(t2i=pipe, spec=SimpleNamespace(family=sd))
    assert words.in_languages(replace(victim, base=base)) == ["una foto de bolt", "foto bolt"]  # type: ignore[arg-type]


def test_mixtures_by_hand(victim: Victim) -> None:
    encoder = victim.base.encoder
    a, b = encode_prompts(victim.base, ["one bolt", "one toy"])
    assert torch.allclose(past(victim, "one bolt", "one toy", 4.0, encoder)[0], 5 * a - 4 * b, atol=1e-5)
    assert torch.allclose(mean(victim, ["one bolt", "one toy"], encoder)[0], (a + b) / 2, atol=1e-6)


def test_soft_tokens_that_equal_words_change_nothing(victim: Victim) -> None:
    encoder, read = victim.base.encoder, victim.base.t2i.tokenizer
    rows = encoder.get_input_embeddings().weight[read(["b c"], add_special_tokens=False).input_ids[0]]
    soft = encode_soft(victim.base, "x y z", [1, 2], rows, encoder)
    assert torch.equal(soft, encode_prompts(victim.base, ["b c z"]))
    assert not torch.equal(encode_prompts(victim.base, ["x y z"]), soft)  # and the hook is gone


def test_words_that_are_found_can_be_written(victim: Victim) -> None:
    texts, ids = whole_words(victim.base)
    assert len(texts) > 20
    assert victim.base.t2i.tokenizer(texts, add_special_tokens=False).input_ids == [[i] for i in ids.tolist()]


def test_ring_a_bell_comes_nearer(victim: Victim) -> None:
    victim = replace(victim, words=("q",))  # one letter: the search can find it
    with torch.no_grad():
        there, here = (
            encode_prompts(victim.base, [t.replace("{}", w) for t in victim.templates]) for w in ("q", "toy")
        )
    goal = goals(victim, 1.0)
    assert torch.allclose(goal, here + (there - here).mean(0), atol=1e-6)
    knobs = {**ATTACKS["ring-a-bell"].defaults, "tokens": 1, "population": 60, "generations": 6}
    assert search(victim, "one {}", there[0], knobs, torch.Generator().manual_seed(0)) == "one q"


def loss_of(victim: Victim, embeddings: torch.Tensor) -> float:
    """Of the target's pictures, over noise that no search saw."""
    draws = (torch.Generator().manual_seed(seed) for seed in range(100, 120))
    with torch.no_grad():
        return float(np.mean([float(denoising_loss(victim.base, victim.latents, embeddings, 3, d)) for d in draws]))


@pytest.mark.parametrize("seed", [1, 3])
def test_the_gradient_search_lowers_the_loss(victim: Victim, seed: int) -> None:
    """Below that of the words that it starts from."""
    knobs = {**ATTACKS["unlearndiffatk"].defaults, "tokens": 2, "steps": 60, "batch": 3, "tries": 2}
    best = gradient_search(victim, "one bolt", knobs, torch.Generator().manual_seed(seed))
    first = gradient_search(victim, "one bolt", {**knobs, "steps": 1}, torch.Generator().manual_seed(seed))
    assert len(first) == 1 and len(best) == 2
    losses = [loss_of(victim, encode_prompts(victim.base, [text])) for text in (best[0], first[0])]
    assert losses[0] < losses[1]


def test_the_gradient_search_gives_prompts_and_the_same_ones_twice(victim: Victim) -> None:
    knobs = {**ATTACKS["unlearndiffatk"].defaults, "tokens": 2, "steps": 6, "batch": 3, "tries": 2}
    texts, again = (gradient_search(victim, "one bolt", knobs, torch.Generator().manual_seed(0)) for _ in range(2))
    assert texts == again and 1 <= len(texts) <= 2
    assert all(text.endswith(" one bolt") and len(text.split()) == 4 for text in texts)


def test_a_new_word_is_learnt(victim: Victim) -> None:
    knobs = {**ATTACKS["inversion"].defaults, "warm": 0, "steps": 30, "batch": 3, "learning_rate": 0.3}
    encoder, prompt = victim.edit.encoder, "one q"
    new = learn(victim, knobs, "q", torch.Generator().manual_seed(0), encoder)
    at = [position(victim, prompt, "q")]
    old = encoder.get_input_embeddings().weight[victim.base.t2i.tokenizer(["q"], add_special_tokens=False).input_ids[0]]
    with torch.no_grad():
        learnt, before = (encode_soft(victim.base, prompt, at, rows, encoder) for rows in (new, old.detach()))
    assert loss_of(victim, learnt) < loss_of(victim, before)


def test_the_warm_start_comes_to_where_the_concept_was(victim: Victim) -> None:
    knobs = {**ATTACKS["inversion"].defaults, "warm": 40, "steps": 0}
    new = learn(replace(victim, words=("z",)), knobs, "q", torch.Generator().manual_seed(0), victim.base.encoder)
    encoder, gram = victim.base.encoder, text_gram(victim.base)
    goal = encode_prompts(victim.base, ["one z"])
    with torch.no_grad():
        learnt = encode_soft(victim.base, "one q", [position(victim, "one q", "q")], new, encoder)
    assert distance(gram, learnt, goal) < 0.2 * distance(gram, encode_prompts(victim.base, ["one q"]), goal)


def test_a_motion_is_attacked_in_videos(victim: Victim, monkeypatch: pytest.MonkeyPatch) -> None:
    latents = torch.randn(2, 8, 2, 16, 16, generator=torch.Generator().manual_seed(2))
    motion = replace(victim, concept=replace(BOLT, kind="motion"), latents=latents)
    tries = tries_of("unlearndiffatk", motion, {"images": 5, "videos": 1, "steps": 1}, seed=0)
    assert {t.goal for t in tries} == {0}
    assert tries_of("seeds", motion, {"images": 3, "videos": 0}, seed=0) == []
    monkeypatch.setattr(attempts, "judged", lambda v, j, m, pixels, o: [(True, 0.5)] * len(pixels))
    kept = [KeptPrompt("l/bolt", "words", modality, "zap", 7) for modality in ("image", "video")]
    carried = attack("words", motion, None, {"videos": 1}, 0, {}) + replay(motion, None, kept, {})
    assert [(one.attack, one.modality) for one in carried] == [("words", "video"), ("replay", "video")]


FAST: dict[str, dict[str, Any]] = {
    "unlearndiffatk": {"steps": 1}, "inversion": {"steps": 1, "warm": 2},
    "ring-a-bell": {"generations": 1, "population": 4},
}  # fmt: skip


def test_every_attack_runs_and_is_judged(victim: Victim, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the real models; the judge's eyes are replaced: it sees the concept in every second picture."""
    monkeypatch.setattr(attempts, "judged", lambda v, j, m, pixels, o: [(i % 2 == 0, 0.5) for i in range(len(pixels))])
    kept = [KeptPrompt("l/bolt", "words", "image", "zap zap", 7)]

    def carried() -> list[Carried]:
        budgets = {
            name: {"videos" if entry.videos_only else "images": 2, **FAST.get(name, {})}
            for name, entry in ATTACKS.items()
        }
        done = [one for name, budget in budgets.items() for one in attack(name, victim, None, budget, 3, {})]
        return done + replay(victim, None, kept, {})

    done, again = carried(), carried()
    assert [a.tried.prompt for a in done] == [a.tried.prompt for a in again]
    assert all(np.array_equal(a.after, b.after) for a, b in zip(done, again, strict=True))
    assert {a.attack for a in done} == {*ATTACKS, "replay"}
    videos = {a.attack for a in done if a.modality == "video"}
    assert videos == {"words", "ring-a-bell", "unlearndiffatk", "travel"}
    assert {a.modality for a in done if a.attack == "travel"} == {"video"}
    assert all(np.array_equal(a.before, a.after) for a in done)  # the encoder is the original: nothing was unlearned
    record = next(a for a in done if a.attack == "replay").record("list/bolt", 7)
    assert record.prompt == "zap zap" and record.after == Outcome(True, 0.5, "after-007.png")


def test_videos_are_made_of_what_the_judge_is_surest_of(victim: Victim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "judged", lambda v, j, m, pixels, o: [(False, i / 9) for i in range(len(pixels))])
    carried = attack("seeds", victim, None, {"images": 1, "seeds": 4, "videos": 2}, 0, {})
    images, videos = ([one.tried for one in carried if one.modality == m] for m in ("image", "video"))
    assert len(images) == 4 and videos == [images[3], images[2]]


def test_a_wrong_budget_is_refused(victim: Victim) -> None:
    with pytest.raises(ValueError, match=r"(?s)no parameter 'image'.*write images.*steps is -1"):
        attack("inversion", victim, None, {"image": 3, "steps": -1}, 0, {})


def record(attack: str, goal: int, before: bool, after: bool, modality: str = "image") -> Attempt:
    pixels = np.zeros((1, 1, 3), np.uint8)
    return Carried(attack, modality, Try(goal, "x", 0), pixels, pixels, (before, after), (0.0, 0.0)).record("l/c", 0)


def test_prompts_that_got_through_are_kept() -> None:
    some = [record("words", 0, True, True), record("words", 1, True, False), record("inversion", 0, True, True)]
    assert worth_keeping(some) == some[:1]


def test_attacks_stand_in_their_order_and_have_good_defaults() -> None:
    old = ["words", "seeds", "mixture", "ring-a-bell", "unlearndiffatk", "inversion"]
    assert list(ATTACKS) == [*old, "clip-skip", "emphasis", "travel", "buried"]
    assert check_budgets({name: entry.defaults for name, entry in ATTACKS.items()}) == []
    assert [name for name, entry in ATTACKS.items() if entry.replayed] == [
        "words", "ring-a-bell", "unlearndiffatk", "buried",
    ]  # fmt: skip


def test_budgets_are_checked() -> None:
    assert check_budgets({"words": {"images": 3}, "seeds": None}) == []
    problems = check_budgets({"wrods": {}, "words": {"image": 3}, "inversion": {"steps": -1}, "seeds": 3})
    assert [what for what, _ in problems] == [
        "there is no attack 'wrods'", "words has no parameter 'image'", "inversion: steps is -1", "seeds is 3",
    ]  # fmt: skip
    assert [fix for _, fix in problems][:3] == ["write words", "write images", "write a whole number from 0 to 100000"]


def test_what_got_through_is_kept_once(tmp_path: Path) -> None:
    file = tmp_path / "found.csv"
    assert read_kept(file) == []
    some = [record("words", 0, True, True), record("words", 0, True, True), record("seeds", 0, True, True)]
    write_kept(file, with_new([], some))
    kept = read_kept(file)
    assert kept == [KeptPrompt("l/c", "words", "image", "x", 0)]
    other = replace(some[0], prompt="y, z")
    write_kept(file, with_new(kept, [other]))
    assert [prompt.prompt for prompt in read_kept(file)] == ["x", "y, z"]


def test_no_prompt_of_a_confidential_concept_is_kept(tmp_path: Path) -> None:
    """Nor one that names it, be it from before it was confidential."""
    veil, file = Veil("s", {"l/s": Secret(("mira holt",))}), tmp_path / "found.csv"
    some = [record("words", 0, True, True), replace(record("words", 0, True, True), concept="l/s", prompt="mria hotl")]
    some += [replace(some[0], prompt="a Mira-Holt"), replace(some[0], prompt=veil.hide("mira holt"))]
    kept = with_new([], some[:3])
    write_kept(file, kept)
    told = kept_problems(file, veil)
    assert len(told) == 2 and all("expunge keep-attacks" in each.fix for each in told)
    assert not any("mira" in str(each).lower() for each in told) and kept_problems(file, Veil()) == []
    assert [each.prompt for each in with_new(kept, some, veil)] == ["x"]


def test_no_row_of_an_old_id_that_names_a_confidential_concept_is_kept(tmp_path: Path) -> None:
    veil, file = Veil("s", {"l/s": Secret(("mira holt",))}), tmp_path / "found.csv"
    write_kept(file, with_new([], [replace(record("words", 0, True, True), concept="l/mira-holt")]))
    (told,) = kept_problems(file, veil)
    assert "l/[confidential]" in told.what and "mira" not in str(told)
    assert with_new(read_kept(file), [], veil) == []


def test_the_shipped_table_is_written_as_it_is_read(tmp_path: Path) -> None:
    shipped = ROOT / "attacks" / "found.csv"
    write_kept(tmp_path / "found.csv", with_new(read_kept(shipped), []))
    assert (tmp_path / "found.csv").read_bytes() == shipped.read_bytes()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"l/c,words,image,\xe9,1", "is not UTF-8"), (b"l/c,words,image," + b"x" * 200_000 + b",1", "a line of 200,"),
        (b"l/c,words,image,x," + b"9" * 5000, "18 digits"),
    ],
)  # fmt: skip
def test_a_hostile_table_is_one_line(line: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "found.csv").write_bytes(",".join(COLUMNS).encode() + b"\n" + line + b"\n")
    with pytest.raises(InputError, match=says):
        read_kept(tmp_path / "found.csv")


def test_a_broken_table_is_named_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "found.csv"
    lines = [",".join(COLUMNS), "l/c,words,image,x,0", "l/c,words,vidoe,x,0", 'l/c,words,image,"a\nb",0',
             "l/c,wrods,image,,-1", "l/c,words,image"]  # fmt: skip
    file.write_text("\n".join(lines))
    with pytest.raises(InputError) as caught:
        read_kept(file)
    assert [str(problem).removeprefix(tmp_path.as_posix()) for problem in caught.value.problems] == [
        "/found.csv:3: `modality` is 'vidoe'; write video",
        "/found.csv:6: `attack` is 'wrods'; write words",
        "/found.csv:6: has no prompt; write one, or take the line out",
        "/found.csv:6: `seed` is '-1'; write a whole number of 18 digits at the most",
        "/found.csv:7: has too many or too few values; write concept,attack,modality,prompt,seed, in quotes what holds "
        "a comma",
    ]
    file.write_text("concept,atack,modality,prompt,seed\n")
    with pytest.raises(InputError, match=r"found.csv:1: is no header .*write attack for 'atack'"):
        read_kept(file)
