"""What families share whose text encoders are CLIP's. Importing it imports no torch."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expunge.bases.families.names import longest_prompt, normal_name

if TYPE_CHECKING:
    from torch import Tensor

ENCODER, PROJECTED = "CLIPTextModel", "CLIPTextModelWithProjection"
TOKENIZER_CLASSES = ("CLIPTokenizer", "CLIPTokenizerFast")
TOKENIZER_FILES = (
    "vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json",
)  # fmt: skip
VOCABULARY_FILES = ("vocab.json", "tokenizer.json")
SPELLING_FILES = ("merges.txt", "tokenizer.json")
STARTS = 1
TIED = ()
ENCODER_NAMES = ("encoder.layers.", "embeddings.", "final_layer_norm.")
LAYERS = "encoder.layers"
LINEARS = (
    ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    ("self_attn.out_proj",),
    ("mlp.fc1",),
    ("mlp.fc2",),
)
MEMORY = "mlp.fc2"
PROJECTION = "text_projection"  # of the pooled text, in a text encoder that has it

# CLIP's byte-level BPE (openai/CLIP, simple_tokenizer.py).
START, END = "<|startoftext|>", "<|endoftext|>"
UNKNOWN = END  # as in CLIP
END_OF_WORD = "</w>"
WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
LONGEST_PROMPT = 77  # tokens, start and end included, where tokenizer_config.json says nothing


def texts(prompts: Iterable[str]) -> list[str]:
    return list(prompts)


def stored_name(name: str) -> str:
    """Every version of transformers, A1111 and ComfyUI knows a tensor of the text encoder under this name."""
    return name if name.startswith(PROJECTION) else f"text_model.{normal_name(name)}"


def encoder_shapes(config: Mapping[str, Any]) -> dict[str, tuple[Any, ...] | None]:
    """Shapes of the embeddings alone: those of the layers are compared when they are loaded."""
    layers, width = config.get("num_hidden_layers"), config.get("hidden_size")
    if not isinstance(layers, int):
        return {}
    shapes: dict[str, tuple[Any, ...] | None] = {
        f"embeddings.{name}_embedding.weight": (config.get(rows), width)
        for name, rows in (("token", "vocab_size"), ("position", "max_position_embeddings"))
    }
    modules = [f"self_attn.{part}_proj" for part in "qkv"] + ["self_attn.out_proj", "layer_norm1", "layer_norm2"]
    inner = [f"{LAYERS}.{i}.{m}" for i in range(layers) for m in (*modules, "mlp.fc1", "mlp.fc2")]
    names = [f"{module}.{kind}" for module in (*inner, "final_layer_norm") for kind in ("weight", "bias")]
    projection = [f"{PROJECTION}.weight"] if PROJECTED in (config.get("architectures") or ()) else []
    return shapes | dict.fromkeys([*names, *projection])


def light_tokenizer(folder: Path) -> tuple[Callable[[str], list[int] | None], int, int] | None:
    from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
    from tokenizers.models import BPE

    pair = [folder / name for name in ("vocab.json", "merges.txt")]
    if not all(file.is_file() for file in pair) and not (folder / "tokenizer.json").is_file():
        return None
    if all(file.is_file() for file in pair):
        vocabulary, merges = BPE.read_file(*map(str, pair))
    else:
        model = json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]
        vocabulary = model["vocab"]
        merges = [_pair(pair) for pair in model["merges"]]
    tokenizer = Tokenizer(
        BPE(vocabulary, merges, continuing_subword_prefix="", end_of_word_suffix=END_OF_WORD, unk_token=UNKNOWN)
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    words = pre_tokenizers.Split(Regex(WORDS), "removed", invert=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, pre_tokenizers.ByteLevel(add_prefix_space=False)])

    def ids(text: str) -> list[int] | None:
        if any(special in text.lower() for special in (START, END)):
            return None  # CLIP reads it as a special token, which cuts the prompt short
        encoded = tokenizer.encode(text, add_special_tokens=False).ids
        return None if not encoded or vocabulary[UNKNOWN] in encoded else encoded

    return ids, longest_prompt(folder, LONGEST_PROMPT) - 2, len(vocabulary)


def _pair(merge: str | list[str]) -> tuple[str, str]:
    """A merge of tokenizer.json: "a b" in older files, ["a", "b"] in newer ones."""
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def whole_words(vocabulary: Iterable[str]) -> list[str]:
    return [token.removesuffix(END_OF_WORD) for token in vocabulary if token.endswith(END_OF_WORD)]


def trained(which: str, layers: int) -> str:
    late = "|".join(str(layer) for layer in range(layers // 2, layers))
    return {
        "full": r"",
        "mlp": r"encoder\.layers\.\d+\.mlp\.",
        "attn": r"encoder\.layers\.\d+\.self_attn\.",
        "mlp-final-attn": rf"encoder\.layers\.(\d+\.mlp|{layers - 1}\.self_attn)\.",
        "qkv-mlp": r"encoder\.layers\.\d+\.(mlp|self_attn\.(q|k|v)_proj)\.",
        "late": rf"encoder\.layers\.({late})\.",
    }[which]


def token_embeddings(encoder: Any) -> Any:
    return encoder.get_input_embeddings()


def layers_of(encoder: Any) -> Sequence[Any]:
    layers: Sequence[Any] = getattr(encoder, "text_model", encoder).encoder.layers
    return layers


def through(layer: Any, states: "Tensor", *rest: Any, **options: Any) -> Iterator[Any]:
    from expunge.bases.first_call import first_input

    x = layer.layer_norm1(states)
    yield x, None
    x = first_input(layer.self_attn.out_proj, lambda: layer.self_attn(x, *rest, **options))
    yield x, states
    states = states + layer.self_attn.out_proj(x)
    x = layer.layer_norm2(states)
    yield x, None
    x = layer.mlp.activation_fn(layer.mlp.fc1(x))
    yield x, states
    yield states + layer.mlp.fc2(x), None
