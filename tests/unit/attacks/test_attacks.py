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

from expunge.attacks import ATTACKS, Try, Victim, attempts, check_budgets, defaults, find, words
from expunge.attacks.attempts import Attempt, assault
from expunge.attacks.found import COLUMNS, read_found, with_new, worth_keeping, write_found
from expunge.attacks.inversion import learn, position
from expunge.attacks.mixture import mean, past
from expunge.attacks.ring_a_bell import goals, search
from expunge.attacks.soft import denoising_loss, encode_soft, whole_words
from expunge.attacks.unlearndiffatk import search as gradient_search
from expunge.bases.edits import Edit
from expunge.bases.text import encode_prompts, text_gram
from expunge.concepts.lists import Concept
from expunge.core.errors import InputError
from expunge.methods.distil import distance

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
    base = SimpleNamespace(t2i=SimpleNamespace(tokenizer=SimpleNamespace(get_vocab=lambda: vocabulary)))
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
    found, ids = whole_words(victim.base)
    assert len(found) > 20
    assert victim.base.t2i.tokenizer(found, add_special_tokens=False).input_ids == [[i] for i in ids.tolist()]


def test_ring_a_bell_comes_nearer(victim: Victim) -> None:
    victim = replace(victim, words=("q",))  # one letter: the search can find it
    with torch.no_grad():
        there, here = (
            encode_prompts(victim.base, [t.replace("{}", w) for t in victim.templates]) for w in ("q", "toy")
        )
    goal = goals(victim, 1.0)
    assert torch.allclose(goal, here + (there - here).mean(0), atol=1e-6)
    how = {**defaults("ring-a-bell"), "tokens": 1, "population": 60, "generations": 6}
    assert search(victim, "one {}", there[0], how, torch.Generator().manual_seed(0)) == "one q"


def test_the_gradient_search_lowers_the_loss(victim: Victim) -> None:
    how = {**defaults("unlearndiffatk"), "tokens": 2, "steps": 6, "batch": 3, "tries": 2}
    found = gradient_search(victim, "one bolt", how, torch.Generator().manual_seed(0))
    again = gradient_search(victim, "one bolt", how, torch.Generator().manual_seed(0))
    assert found == again and 1 <= len(found) <= 2
    assert all(text.endswith(" one bolt") and len(text.split()) == 4 for text in found)


def test_a_new_word_is_learnt(victim: Victim) -> None:
    how = {**defaults("inversion"), "warm": 0, "steps": 30, "batch": 3, "learning_rate": 0.3}
    encoder, prompt = victim.edit.encoder, "one q"
    new = learn(victim, how, "q", torch.Generator().manual_seed(0), encoder)
    at = [position(victim, prompt, "q")]
    old = encoder.get_input_embeddings().weight[victim.base.t2i.tokenizer(["q"], add_special_tokens=False).input_ids[0]]

    def loss(rows: torch.Tensor) -> float:
        with torch.no_grad():
            c = encode_soft(victim.base, prompt, at, rows, encoder)
            draws = (torch.Generator().manual_seed(seed) for seed in range(100, 120))
            return float(np.mean([float(denoising_loss(victim.base, victim.latents, c, 3, d)) for d in draws]))

    assert loss(new) < loss(old.detach())


def test_the_warm_start_comes_to_where_the_concept_was(victim: Victim) -> None:
    how = {**defaults("inversion"), "warm": 40, "steps": 0}
    new = learn(replace(victim, words=("z",)), how, "q", torch.Generator().manual_seed(0), victim.base.encoder)
    encoder, gram = victim.base.encoder, text_gram(victim.base)
    goal = encode_prompts(victim.base, ["one z"])
    with torch.no_grad():
        found = encode_soft(victim.base, "one q", [position(victim, "one q", "q")], new, encoder)
    assert distance(gram, found, goal) < 0.2 * distance(gram, encode_prompts(victim.base, ["one q"]), goal)


def test_a_motion_is_attacked_in_videos(victim: Victim) -> None:
    motion = replace(victim, concept=replace(BOLT, kind="motion"), latents=torch.randn(2, 8, 2, 16, 16))
    budgets = {"unlearndiffatk": {"images": 5, "videos": 1, "steps": 1}, "seeds": {"images": 3, "videos": 0}}
    found = find(motion, budgets, seed=0)
    assert list(found) == ["unlearndiffatk"] and {t.goal for t in found["unlearndiffatk"]} == {0}


def test_every_attack_runs_and_is_judged(victim: Victim, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the real models; the judge's eyes are replaced: it sees the concept where a picture's seed is even."""
    budgets: dict[str, dict[str, Any]] = {name: {"images": 2} for name in ATTACKS}
    budgets["unlearndiffatk"] |= {"steps": 1}
    budgets["inversion"] |= {"steps": 1, "warm": 2}
    budgets["ring-a-bell"] |= {"generations": 1, "population": 4}
    monkeypatch.setattr(attempts, "judged", lambda v, j, m, pixels, o: [(i % 2 == 0, 0.5) for i in range(len(pixels))])
    replay = [{"modality": "image", "prompt": "zap zap", "seed": "7"}]
    done = assault(victim, None, budgets, replay, 3, {})
    again = assault(victim, None, budgets, replay, 3, {})
    assert [a.tried.prompt for a in done] == [a.tried.prompt for a in again]
    assert all(np.array_equal(a.after, b.after) for a, b in zip(done, again, strict=True))
    assert {a.attack for a in done} == {*ATTACKS, "replay"}
    videos = {a.attack for a in done if a.modality == "video"}
    assert videos == {"words", "ring-a-bell", "unlearndiffatk"}
    assert all(np.array_equal(a.before, a.after) for a in done)  # the encoder is the original: nothing was unlearned
    record = next(a for a in done if a.attack == "replay").record("list/bolt", 7)
    assert record["prompt"] == "zap zap" and record["after"] == {
        "seen": True,
        "confidence": 0.5,
        "file": "after-007.png",
    }


def record(attack: str, goal: int, before: bool, after: bool, modality: str = "image") -> dict[str, Any]:
    pixels = np.zeros((1, 1, 3), np.uint8)
    return Attempt(attack, modality, Try(goal, "x", 0), pixels, pixels, (before, after), (0.0, 0.0)).record("l/c", 0)


def test_prompts_that_got_through_are_kept() -> None:
    some = [record("words", 0, True, True), record("words", 1, True, False), record("inversion", 0, True, True)]
    assert worth_keeping(some) == some[:1]


def test_budgets_are_checked() -> None:
    assert check_budgets({"words": {"images": 3}, "seeds": None}) == []
    found = check_budgets({"wrods": {}, "words": {"image": 3}, "inversion": {"steps": -1}})
    assert len(found) == 3 and "'wrods'" in found[0] and "'image'" in found[1] and "steps is -1" in found[2]


def test_what_got_through_is_kept_once(tmp_path: Path) -> None:
    file = tmp_path / "found.csv"
    assert read_found(file) == []
    some = [record("words", 0, True, True), record("words", 0, True, True), record("seeds", 0, True, True)]
    write_found(file, with_new([], some))
    rows = read_found(file)
    assert rows == [{"concept": "l/c", "attack": "words", "modality": "image", "prompt": "x", "seed": "0"}]
    other = {**some[0], "prompt": "y, z"}
    write_found(file, with_new(rows, [other, {**other, "concept": "l/secret"}], hidden=["l/secret"]))
    assert [row["prompt"] for row in read_found(file)] == ["x", "y, z"]


def test_a_broken_table_is_named_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "found.csv"
    file.write_text(",".join(COLUMNS) + "\nl/c,words,image,x,0\nl/c,words,film,x,0\nl/c,words,image,,0\n")
    with pytest.raises(InputError) as caught:
        read_found(file)
    assert "found.csv:3" in str(caught.value) and "found.csv:4" in str(caught.value)
