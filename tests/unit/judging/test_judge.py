"""The judge: words to labels, labels to embeddings, pictures to probabilities, and its files."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from expunge.core.errors import InputError
from expunge.judging import clip, motion, zero_shot
from expunge.judging import judge as judges
from expunge.judging.judges import load_judge
from expunge.judging.vocabulary import Label, read_vocabulary
from tests.support import tiny
from tests.support.tiny_judge import RESNET, TEXT, VIT, load, make_folder, noise


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> judges.Judge:
    return load(make_folder(tmp_path_factory.mktemp("judge"), VIT, motion=True))


@pytest.mark.parametrize("vision", [RESNET, VIT], ids=["resnet", "vit"])
def test_a_saved_judge_gives_the_same_answers(tmp_path: Path, vision: dict[str, Any]) -> None:
    folder = make_folder(tmp_path, vision)
    chances = judges.classify(load(folder), noise(3, 32, 32), "subject")
    assert chances.shape == (3, 4) and chances.dtype == np.float32
    assert np.allclose(chances.sum(-1), 1, atol=1e-5)
    assert np.array_equal(chances, judges.classify(load(folder), noise(3, 32, 32), "subject"))


def test_text_ends_with_the_highest_id_and_zeros(judge: judges.Judge) -> None:
    ids = judge.tokenise(["ab", "c" * 100])
    assert ids.shape == (2, tiny.CONTEXT)
    assert ids[0].tolist()[:4] == [512, ids[0, 1], ids[0, 2], 513] and not ids[0, 4:].any()
    assert ids[1, -1] == 513  # a long text is cut before its end token


def test_names_find_labels(judge: judges.Judge) -> None:
    for name, indices in {"owl": (2,), "An Owl": (2,), "mouse": (0, 1), "the field mouse": (0,), "mira holt": (3,),
                        "Mira-Holt": (3,), "computer mouse": (1,)}.items():  # fmt: skip
        assert judges.find_labels(judge, "subject", name) == indices
    with pytest.raises(InputError, match="no subject 'zebra'"):
        judges.find_labels(judge, "subject", "zebra")


def test_unknown_names_join_and_leave_the_others_as_they_are(judge: judges.Judge) -> None:
    more = judges.with_names(judge, [("subject", "a zebra"), ("subject", "owl"), ("subject", "zebra")])
    assert [label.id for label in more.labels["subject"]][4:] == ["a zebra"]
    assert torch.equal(more.embeddings["subject"][:4], judge.embeddings["subject"])
    assert judges.with_names(judge, [("subject", "owl")]) is judge
    with pytest.raises(InputError, match=r"does not know the motion 'juggling'.*still, spinning"):
        judges.with_names(judge, [("motion", "juggling")])


def test_a_shared_name_is_left_out_of_embeddings_and_templates_are_averaged(judge: judges.Judge) -> None:
    texts = ["a picture of field mouse", "field mouse"]
    each = judge.model.encode_text(judge.tokenise(texts), normalize=True)
    assert torch.allclose(judge.embeddings["subject"][0], torch.nn.functional.normalize(each.mean(0), dim=0))
    own = judge.model.encode_text(judge.tokenise(["a photo"]), normalize=True)[0]
    assert torch.allclose(judge.embeddings["style"][0], own, atol=1e-6)


def test_sees_by_hand(judge: judges.Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    chances = np.array([[0.2, 0.35, 0.4, 0.05], [0.1, 0.1, 0.1, 0.7]], np.float32)
    monkeypatch.setattr(zero_shot, "classify", lambda *_: chances)
    seen = zero_shot.sees(judge, noise(2, 8, 8), "subject", ["mouse", "mira holt"])
    assert seen.top1.tolist() == [False, True]
    assert seen.margin == pytest.approx([-0.05, 0.6], abs=1e-6)
    assert seen.confidence == pytest.approx([0.55, 0.7], abs=1e-6)
    several = zero_shot.sees(judge, noise(2, 8, 8), "subject", [("mouse", "owl"), ["owl"]])  # any of them counts
    assert several.top1.tolist() == [True, False]
    assert several.confidence == pytest.approx([0.95, 0.1], abs=1e-6)
    with pytest.raises(ValueError, match="1 names for 2"):
        zero_shot.sees(judge, noise(2, 8, 8), "subject", ["owl"])


def test_two_things_are_seen_by_two_glances(judge: judges.Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    def brightness(_: judges.Judge, frames: np.ndarray, axis: str) -> np.ndarray:
        """Label 2 (owl) where it is dark, else label 3 (Mira Holt)."""
        dark = frames.max(axis=(-3, -2, -1), initial=0) == 0
        return np.where(dark[..., None], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0])

    monkeypatch.setattr(zero_shot, "classify", brightness)
    pictures = np.zeros((3, 64, 64, 3), np.uint8)
    pictures[:2, 20:30, 50:] = 255  # something bright on the right of two
    names = (["owl", "owl", "mira holt"], ["mira holt", "owl", "owl"])
    assert zero_shot.sees_both(judge, pictures, "subject", *names).tolist() == [True, False, False]
    assert zero_shot.sees_both(judge, pictures, "subject", *names[::-1]).tolist() == [True, False, False]
    videos = np.stack([pictures, pictures[[2, 2, 0]]], axis=1)
    assert zero_shot.sees_both(judge, videos, "subject", *names).tolist() == [
        [True, False],
        [False, True],
        [False, True],
    ]
    assert zero_shot.sees_both(judge, videos[:0], "subject", [], []).shape == (0, 2)


def test_one_look_at_a_picture_of_two_things_is_enough(judge: judges.Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    def classify(_: Any, frames: np.ndarray, axis: str, encoded: Any = None) -> np.ndarray:
        """Sees an owl where the mean is above 40, and else the field mouse."""
        bright = frames.reshape(*frames.shape[:-3], -1).mean(-1)[..., None] > 40
        return np.where(bright, [0.0, 0.1, 0.8, 0.1], [0.9, 0.1, 0.0, 0.0])

    monkeypatch.setattr(zero_shot, "classify", classify)
    pictures = np.zeros((3, 64, 64, 3), np.uint8)
    pictures[0, 14:50, 45:] = 255  # on the right
    pictures[1, 14:50, :19] = 255  # on the left
    seen = zero_shot.sees_at_a_glance(judge, pictures, "subject", ["owl", "owl", "owl"])
    assert seen.top1.tolist() == [True, True, False] and seen.top5 is None
    assert seen.confidence.tolist() == [0.8, 0.8, 0.0] and seen.margin.tolist() == pytest.approx([0.7, 0.7, -0.9])
    several = zero_shot.sees_at_a_glance(judge, pictures, "subject", [["field mouse", "mira holt"]] * 3)
    assert several.top1.all()  # in the other glance
    videos = np.stack([pictures, pictures[[2, 2, 0]]], axis=1)
    assert zero_shot.sees_at_a_glance(judge, videos, "subject", ["owl"] * 3).top1.tolist() == [
        [True, False], [True, False], [False, True],
    ]  # fmt: skip


def test_videos_are_judged_frame_by_frame_and_motions_whole(judge: judges.Judge) -> None:
    videos = noise(2, 5, 48, 32)
    frames = judges.classify(judge, videos, "style")
    assert frames.shape == (2, 5, 2)
    assert np.allclose(frames[1], judges.classify(judge, videos[1], "style"), atol=1e-5)
    assert zero_shot.sees(judge, videos, "style", ["plain", "pencil sketch"]).top1.shape == (2, 5)
    assert judges.classify(judge, videos, "motion").shape == (2, 2)
    assert zero_shot.sees(judge, videos, "motion", ["rotating", "still"]).top1.shape == (2,)
    assert judges.classify(judge, videos[:0], "style").shape == (0, 5, 2)
    assert judges.classify(judge, videos[:0], "motion").shape == (0, 2)
    for frames_, axis in ((videos[0], "motion"), (videos.astype(np.float32), "style"), (videos[0, 0], "style")):
        with pytest.raises(ValueError):
            judges.classify(judge, frames_, axis)


def test_without_a_motion_classifier_the_words_are_compared(judge: judges.Judge) -> None:
    plain = judges.with_names(replace(judge, motion=None), [("motion", "juggling")])
    chances = judges.classify(plain, noise(2, 4, 32, 32), "motion")
    assert chances.shape == (2, 3) and np.allclose(chances.sum(-1), 1, atol=1e-5)


def test_the_motion_judge_is_small_and_tells_motions_apart() -> None:
    assert sum(p.numel() for p in motion.MotionJudge(["a"] * 8).parameters()) < 400_000
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = motion.MotionJudge(["still", "moving"], (16, 16, 16, 16))
        videos = torch.zeros(8, 8, 3, 32, 32)
        for index in range(8):
            for frame in range(8):
                x = 4 + index + (2 * frame if index % 2 else 0)
                videos[index, frame, :, 8:20, x : x + 6] = 1
        answers = torch.arange(8) % 2
        optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
        for _ in range(15):
            loss = torch.nn.functional.cross_entropy(model(videos), answers)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert torch.equal(model(videos).argmax(1), answers)
    assert torch.equal(model((videos * 255).byte()).argmax(1), answers)


def test_broken_files_are_one_line(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, VIT)
    with pytest.raises(InputError, match="is missing"):
        clip.load_clip(tmp_path / "nothing")
    config = json.loads((folder / "judge" / "config.json").read_text())
    config["model_cfg"]["embed_dim"] = 24
    (folder / "judge" / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"not those of config\.json"):
        clip.load_clip(folder / "judge")
    for text in ("subject: [owl]", "- 1", "a: [", "subject: [{id: a}, {id: a}]"):
        (folder / "vocabulary.yaml").write_text(text)
        with pytest.raises(InputError):
            read_vocabulary(folder / "vocabulary.yaml")


def test_load_judge_reads_a_base(tmp_path: Path) -> None:
    from expunge.bases.spec import load_spec

    folder = tiny.make_base(tmp_path)
    make_folder(folder / "tiny", VIT)
    judge = load_judge(load_spec("tiny", folder), [("subject", "a robot")])
    assert judge.labels["subject"][-1].id == "a robot"


def test_a_pretrained_judge_comes_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import open_clip
    from safetensors.torch import save_file

    from expunge.bases.spec import load_spec

    name, revision, repo = "ViT-B-32", "b" * 40, "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    pretrained = {"name": name, "tag": "laion2b_s34b_b79k"}
    folder = tiny.make_base(tmp_path / "bases", judge={"pretrained": pretrained, "vocabulary": "tiny/vocabulary.yaml"})
    with pytest.raises(InputError, match=r"not in the hub's cache"):
        load_judge(load_spec("tiny", folder))
    small = {"embed_dim": 16, "vision_cfg": VIT, "text_cfg": {**TEXT, "context_length": 77, "vocab_size": 49408}}
    model = clip.build_clip(small)
    monkeypatch.setattr(open_clip, "create_model", lambda *_, **__: clip.build_clip(small))
    (tmp_path / "files").mkdir()
    state = {key: value.contiguous() for key, value in model.state_dict().items()}
    save_file(state, tmp_path / "files" / "open_clip_model.safetensors")
    tiny.make_cache(tmp_path / "cache", repo, revision, tmp_path / "files")
    judge = load_judge(load_spec("tiny", folder))
    assert judge.preprocess["size"] == 32
    assert judges.classify(judge, noise(1, 40, 50), "subject").shape == (1, 3)
    assert "laion" in (folder / "tiny.lock.yaml").read_text()


def test_features_are_encoded_once_and_give_the_same_answers(judge: judges.Judge) -> None:
    pictures, videos = noise(5, 32, 40), noise(2, 3, 32, 32)
    for frames in (pictures, videos):
        encoded = judges.features(judge, frames)
        assert encoded.shape == (*frames.shape[:-3], 16)
        np.testing.assert_allclose(np.linalg.norm(encoded, axis=-1), 1, rtol=1e-5)
        assert np.array_equal(
            judges.classify(judge, frames, "subject", encoded), judges.classify(judge, frames, "subject")
        )
    assert judges.features(judge, pictures[:0]).shape == (0, 16)
    with pytest.raises(ValueError, match="uint8"):
        judges.features(judge, pictures.astype(float))
    texts = judges.text_features(judge, ["an owl", "a picture of owl"])
    assert texts.shape == (2, 16)
    np.testing.assert_allclose(np.linalg.norm(texts, axis=-1), 1, rtol=1e-5)


def test_the_five_likeliest_labels(judge: judges.Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = tuple(Label(name, (name,)) for name in "abcdefg")
    judge = replace(judge, labels={**judge.labels, "subject": labels})
    chances = np.array([[0.3, 0.2, 0.15, 0.13, 0.12, 0.06, 0.04]], np.float32)
    monkeypatch.setattr(zero_shot, "classify", lambda *_: np.repeat(chances, 7, axis=0))
    seen = zero_shot.sees(judge, noise(7, 32, 32), "subject", list("abcdefg"))
    assert seen.top1.tolist() == [True] + [False] * 6
    assert seen.top5 is not None and seen.top5.tolist() == [True] * 5 + [False] * 2
