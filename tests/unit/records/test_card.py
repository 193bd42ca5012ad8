"""Model cards: what the hub's own parser reads in them."""

from pathlib import Path

from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results

from expunge.methods.encoder_card import Made, encoder_card
from expunge.records.card import record_card
from expunge.records.facts import facts_of
from tests.support.made_record import BASE, SECRET, WEIGHTS, made_record

PIPELINE = "StableDiffusionPipeline"

FACTS = facts_of(made_record())
CARD = record_card(FACTS, ["model.safetensors"], '"small", subfolder="encoder"')


def test_every_number_of_the_record_is_in_the_model_index(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(CARD, "utf-8")
    data = ModelCard.load(tmp_path / "README.md").data
    name, results = model_index_to_eval_results(data.to_dict()["model-index"])
    assert name == "releases/small" and results == data.eval_results
    told = {(each.dataset_config, each.task_type, each.metric_type): each for each in results}
    assert {key: each.metric_value for key, each in told.items()} == {
        ("one", "text-to-image", "target"): 0.0, ("one", "text-to-video", "asr:words"): 0.125,
        ("s", "text-to-image", "near"): 0.75, ("all", "text-to-image", "general"): 0.9,
    }  # fmt: skip
    assert told["s", "text-to-image", "near"].metric_args == {
        "threshold": ">= 0.85 of before", "passed": True, "n": 8, "before": 1.0, "interval": [0.0, 0.324],
    }  # fmt: skip
    assert data.base_model == "some/model" and data.library_name == "transformers" and "solve" in data.tags


def test_the_text_says_how_to_load_it_and_what_is_not_known() -> None:
    text = ModelCard(CARD).text
    assert 'CLIPTextModel.from_pretrained("small", subfolder="encoder", dtype=dtype)' in text
    assert "list/one, list/s" in text and WEIGHTS in text and BASE in text and "some/model@0123" in text
    assert "Not measured: one image far." in text and "- The denoiser is as it was." in text
    assert "| Near | image | >= 0.85 of before | 1 | 1 | 0.75 (s) |" in text
    assert "adapter" not in text  # which is not handed on


def test_it_is_the_same_each_time_and_names_concepts_by_their_ids() -> None:
    again = record_card(facts_of(made_record()), ["model.safetensors"], '"small", subfolder="encoder"')
    assert again == CARD
    assert SECRET not in CARD and "fire engine" not in CARD


def test_of_a_release_that_fails_and_was_never_measured() -> None:
    text = record_card(facts_of(made_record(result="FAILED", evaluations=[])), ["model.safetensors"], '"x"')
    card = ModelCard(text)
    assert "**not passed**" in card.text and card.data.eval_results is None


def test_a_change_beside_the_encoder_is_said_first() -> None:
    for text in (
        record_card(FACTS, ["denoiser.safetensors", "model.safetensors"], '"x"'),
        encoder_card(Made(["l/a"], "uce", "", ["denoiser.safetensors", "model.safetensors"], PIPELINE)),
    ):
        assert "is not the whole change" in text and "`denoiser.safetensors`" in text
        assert "from_pretrained" not in text


def test_in_a_whole_pipeline() -> None:
    card = ModelCard(record_card(FACTS, [], ""))
    assert "StableDiffusionPipeline.from_pretrained" in card.text and card.data.library_name == "diffusers"


def test_the_card_in_the_encoders_own_folder_holds_no_number() -> None:
    card = ModelCard(
        encoder_card(Made(["l/a", "l/b"], "solve", "some/model", ["adapter.safetensors"], "PixArtSigmaPipeline"))
    )
    assert card.data.eval_results is None and card.data.base_model == "some/model"
    assert "l/a, l/b" in card.text and "gives the original back" in card.text
    assert "T5EncoderModel.from_pretrained" in card.text and "PixArtSigmaPipeline.from_pretrained(BASE" in card.text
