"""What families share whose text encoder is a T5 or UMT5. Importing it imports no torch."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expunge.bases.families.names import longest_prompt, normal_name

if TYPE_CHECKING:
    from torch import Tensor

TOKENIZERS = ("tokenizer",)
TOKENIZER_CLASSES = ("T5Tokenizer", "T5TokenizerFast")
TOKENIZER_FILES = (
    "spiece.model", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
)  # fmt: skip
VOCABULARY_FILES = SPELLING_FILES = ("tokenizer.json", "spiece.model")
END, UNKNOWN = "</s>", "<unk>"
SPECIAL = ("<pad>", END, UNKNOWN)
START_OF_WORD = "\u2581"
STARTS = 0
SKIPS = False
CUTS = True
TIED = ("encoder.embed_tokens.weight",)
NOT_READ = ()
ENCODER_NAMES = ("shared.", "encoder.")
INVERSIONS = False
LAYERS = "encoder.block"
LINEARS = (
    ("layer.0.SelfAttention.q", "layer.0.SelfAttention.k", "layer.0.SelfAttention.v"),
    ("layer.0.SelfAttention.o",),
    ("layer.1.DenseReluDense.wi_0", "layer.1.DenseReluDense.wi_1"),
    ("layer.1.DenseReluDense.wo",),
)
MEMORY = "layer.1.DenseReluDense.wo"
EXPORTS = ("diffusers", "encoder")


def stored_name(name: str) -> str:
    return normal_name(name)


def encoder_shapes(config: Mapping[str, Any], biases: int = 1) -> dict[str, tuple[Any, ...] | None]:
    """:param biases: layers that have a bias of positions; UMT5 has one in each."""
    layers, width = config.get("num_layers"), config.get("d_model")
    if not isinstance(layers, int):
        return {}
    inner = [name for names in LINEARS for name in names] + ["layer.0.layer_norm", "layer.1.layer_norm"]
    names = [f"{LAYERS}.{i}.{module}.weight" for i in range(layers) for module in inner]
    bias = "layer.0.SelfAttention.relative_attention_bias.weight"
    names += [f"{LAYERS}.{i}.{bias}" for i in range(min(biases, layers))] + ["encoder.final_layer_norm.weight"]
    return {"shared.weight": (config.get("vocab_size"), width)} | dict.fromkeys(names)


def tokenizer_in(
    folder: Path, lower: Callable[[str], str], longest: int
) -> tuple[Callable[[str], list[int] | None], int, int] | None:
    """`Family.light_tokenizer` of tokenizer.json, or of spiece.model, which is all that many repositories hold.

    :param lower: what the pipelines do to a prompt. :param longest: the most tokens of a prompt."""
    if (folder / "tokenizer.json").is_file():
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        unknown, size = tokenizer.token_to_id(UNKNOWN), tokenizer.get_vocab_size()

        def encode(text: str) -> list[int]:
            return tokenizer.encode(text, add_special_tokens=False).ids  # type: ignore[no-any-return]
    elif (folder / "spiece.model").is_file():
        from sentencepiece import SentencePieceProcessor

        pieces: Any = SentencePieceProcessor(model_file=str(folder / "spiece.model"))
        unknown, size, encode = pieces.unk_id(), pieces.get_piece_size(), pieces.encode
    else:
        return None

    def ids(text: str) -> list[int] | None:
        text = lower(text)
        if any(special in text for special in SPECIAL):
            return None  # T5 reads it as a special token
        encoded = encode(text)
        return None if not encoded or unknown in encoded else encoded

    return ids, min(longest_prompt(folder, longest), longest) - 1, size


def whole_words(vocabulary: Iterable[str]) -> list[str]:
    return [token.removeprefix(START_OF_WORD) for token in vocabulary if token.startswith(START_OF_WORD)]


def trained(which: str, layers: int) -> str:
    late = "|".join(str(layer) for layer in range(layers // 2, layers))
    return {
        "full": r"",
        "mlp": r"encoder\.block\.\d+\.layer\.1\.",
        "attn": r"encoder\.block\.\d+\.layer\.0\.",
        "mlp-final-attn": rf"encoder\.block\.(\d+\.layer\.1|{layers - 1}\.layer\.0)\.",
        "qkv-mlp": r"encoder\.block\.\d+\.layer\.(1\.|0\.SelfAttention\.(q|k|v)\.)",
        "late": rf"encoder\.block\.({late})\.",
    }[which]


def token_embeddings(encoder: Any) -> Any:
    return encoder.encoder.embed_tokens  # `shared` has the same weights, and is not called


def layers_of(encoder: Any) -> Sequence[Any]:
    layers: Sequence[Any] = encoder.encoder.block
    return layers


def through(layer: Any, states: "Tensor", *rest: Any, **options: Any) -> Iterator[Any]:
    """:param rest: the mask, and the bias of positions, which the first layer of T5 makes for all."""
    mask, bias, *_ = rest
    return steps(layer, states, lambda attention, x: attention(x, mask=mask, position_bias=bias))


def steps(layer: Any, states: "Tensor", attend: Callable[[Any, "Tensor"], Any]) -> Iterator[Any]:
    """A layer of T5 or UMT5, as `Family.through`. :param attend: calls the self-attention on an input."""
    from expunge.bases.first_call import first_input

    attention, mlp = layer.layer
    x = attention.layer_norm(states)
    yield x, None
    own = attention.SelfAttention
    x = first_input(own.o, lambda: attend(own, x))
    yield x, states
    states = states + own.o(x)
    x = mlp.layer_norm(states)
    yield x, None
    dense = mlp.DenseReluDense
    x = dense.act(dense.wi_0(x)) * dense.wi_1(x)
    yield x, states
    yield states + dense.wo(x), None
