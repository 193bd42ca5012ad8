"""PixArt with Latte: one T5 encoder, and transformers that read its output through a projection, with a mask.

Importing this module imports no torch, so `expunge validate` stays fast.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expunge.bases.families.names import MODEL, longest_prompt, normal_name

if TYPE_CHECKING:
    from torch import Tensor

NAME = "PixArt"
T2I: Mapping[str, Mapping[str, Any]] = {"PixArtAlphaPipeline": {}, "PixArtSigmaPipeline": {}}
T2V: Mapping[str, Mapping[str, Any]] = {"LattePipeline": {}}
DENOISER = "transformer"
SHARED_PARTS = ("vae", "text_encoder", "tokenizer", "scheduler")
VIDEO_PARTS = {"transformer": "LatteTransformer3DModel"}
MOVING = "LatteTransformer3DModel"
PREDICTIONS = ("epsilon", "v_prediction", "sample")
ENCODER = "T5EncoderModel"
CLASSES = {
    "text_encoder": (ENCODER,), "transformer": ("PixArtTransformer2DModel",), "vae": ("AutoencoderKL",),
    "tokenizer": ("T5Tokenizer", "T5TokenizerFast"),
}  # fmt: skip
VIDEO_CLASSES = CLASSES | {"transformer": ("LatteTransformer3DModel",)}
OTHER_PARTS = ("scheduler",)
MODELS = {"text_encoder": "model", "transformer": MODEL, "vae": MODEL}
OPTIONAL_MODELS: Sequence[str] = ()
TOKENIZER_FILES = (
    "spiece.model", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
)  # fmt: skip
VOCABULARY_FILES = ("tokenizer.json", "spiece.model")
SPELLING_FILES = VOCABULARY_FILES
FRAMES = "video_length"
STARTS = 0
SKIPS, READS_PADDING, TEXT_BY_FRAME = False, False, False
TIED = ("encoder.embed_tokens.weight",)
LAYERS = "encoder.block"
LINEARS = (
    ("layer.0.SelfAttention.q", "layer.0.SelfAttention.k", "layer.0.SelfAttention.v"),
    ("layer.0.SelfAttention.o",),
    ("layer.1.DenseReluDense.wi_0", "layer.1.DenseReluDense.wi_1"),
    ("layer.1.DenseReluDense.wo",),
)
SIZES = (("caption_channels", "text_encoder", "d_model"), ("in_channels", "vae", "latent_channels"))
MEMORY = "layer.1.DenseReluDense.wo"
EXPORTS = ("diffusers", "encoder")
END, UNKNOWN = "</s>", "<unk>"
SPECIAL = ("<pad>", END, UNKNOWN)
LONGEST_PROMPT = 120  # tokens, the end included, where tokenizer_config.json says nothing: what LattePipeline reads
START_OF_WORD = "▁"
HIDDEN = -10000.0  # what diffusers adds to the attention to what a mask hides


def texts(prompts: Iterable[str]) -> list[str]:
    """As both pipelines do without `clean_caption`."""
    return [prompt.lower().strip() for prompt in prompts]


def stored_name(name: str) -> str:
    return normal_name(name)


def encoder_shapes(config: Mapping[str, Any]) -> dict[str, tuple[Any, ...] | None]:
    layers, width = config.get("num_layers"), config.get("d_model")
    if not isinstance(layers, int):
        return {}
    inner = [name for names in LINEARS for name in names] + ["layer.0.layer_norm", "layer.1.layer_norm"]
    names = [f"{LAYERS}.{i}.{module}.weight" for i in range(layers) for module in inner]
    names += [f"{LAYERS}.0.layer.0.SelfAttention.relative_attention_bias.weight", "encoder.final_layer_norm.weight"]
    return {"shared.weight": (config.get("vocab_size"), width)} | dict.fromkeys(names)


def frames(moving: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Latte adds an embedding of so many frames, no more and no fewer."""
    length = moving.get("video_length", 16)
    return (length, length) if isinstance(length, int) else (None, None)


def light_tokenizer(folder: Path) -> tuple[Callable[[str], list[int] | None], int, int] | None:
    """Of tokenizer.json alone: spiece.model needs a library that is not asked for."""
    from tokenizers import Tokenizer

    if not (folder / "tokenizer.json").is_file():
        return None
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def ids(text: str) -> list[int] | None:
        (text,) = texts([text])
        if any(special in text for special in SPECIAL):
            return None  # T5 reads it as a special token
        encoded = tokenizer.encode(text, add_special_tokens=False).ids
        return None if not encoded or tokenizer.token_to_id(UNKNOWN) in encoded else encoded

    return ids, longest_prompt(folder, LONGEST_PROMPT) - 1, tokenizer.get_vocab_size()


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


def reads_text(module: str) -> bool:
    return module.endswith(("attn2.to_k", "attn2.to_v")) and not module.startswith("temporal")


def attends_to_text(module: str) -> bool:
    return "attn2" in module.split(".") and not module.startswith("temporal")


def encode(encoder: Any, ids: "Tensor", mask: "Tensor", skip: int | None) -> "Tensor":
    """The last hidden state, zero at padding: no denoiser of the family reads anything there."""
    return encoder(ids, attention_mask=mask)[0] * mask[..., None]  # type: ignore[no-any-return]


def token_embeddings(encoder: Any) -> Any:
    return encoder.encoder.embed_tokens  # `shared` has the same weights, and is not called


def layers_of(encoder: Any) -> Sequence[Any]:
    layers: Sequence[Any] = encoder.encoder.block
    return layers


def through(layer: Any, states: "Tensor", *rest: Any, **options: Any) -> Iterator[Any]:
    """:param rest: the mask, and the bias of positions, which the first layer makes for all (`first_call`)."""
    from expunge.bases.first_call import first_input

    (attention, mlp), (mask, bias, *_) = layer.layer, rest
    x = attention.layer_norm(states)
    yield x, None
    own = attention.SelfAttention
    x = first_input(own.o, lambda: own(x, mask=mask, position_bias=bias))
    yield x, states
    states = states + own.o(x)
    x = mlp.layer_norm(states)
    yield x, None
    dense = mlp.DenseReluDense
    x = dense.act(dense.wi_0(x)) * dense.wi_1(x)
    yield x, states
    yield states + dense.wo(x), None


def text_maps(denoiser: Any) -> list["Tensor"]:
    """The captions' projection is linear_2 gelu(linear_1 e): its slope at 0 is half of the product."""
    project = denoiser.caption_projection
    slope = project.linear_2.weight @ project.linear_1.weight / 2
    return [module.weight @ slope for name, module in denoiser.named_modules() if reads_text(name)]


def text_states(denoiser: Any, embeddings: "Tensor") -> "Tensor":
    return denoiser.caption_projection(embeddings)  # type: ignore[no-any-return]


def mask_of(text: "Tensor") -> "Tensor":
    """(N, L): 1 at tokens, 0 at padding, of embeddings that `encode` made, or mixtures of such."""
    return (text.detach() != 0).any(-1).to(text.dtype)


def bias_of(text: "Tensor", frames: int | None) -> "Tensor":
    """(N, 1, L), or (N frames, 1, L): what is added to the attention to each position."""
    bias = ((1 - mask_of(text)) * HIDDEN).unsqueeze(1)
    return bias if frames is None else bias.repeat_interleave(frames, dim=0)


def denoise(denoiser: Any, latents: "Tensor", timesteps: "Tensor", text: "Tensor") -> "Tensor":
    """Half of the channels may be a variance, which is left out, as the pipelines do."""
    frames = latents.shape[2] if latents.ndim == 5 else None
    own: dict[str, Any] = {"encoder_attention_mask": bias_of(text, frames)}
    if frames is None:
        own["added_cond_kwargs"] = {"resolution": None, "aspect_ratio": None}
    out = denoiser(latents, timestep=timesteps, encoder_hidden_states=text, return_dict=False, **own)[0]
    return out[:, : latents.shape[1]]  # type: ignore[no-any-return]


def call(text: "Tensor", empty: "Tensor | None", video: bool) -> dict[str, Any]:
    given = {
        "prompt_embeds": text, "negative_prompt_embeds": empty, "negative_prompt": None, "clean_caption": False,
    }  # fmt: skip
    if video:
        return {**given, "mask_feature": False}  # it cuts what it encodes itself
    masks = {"prompt_attention_mask": mask_of(text)}
    masks |= {} if empty is None else {"negative_prompt_attention_mask": mask_of(empty)}
    return {**given, **masks, "use_resolution_binning": False}


def fed(kwargs: dict[str, Any], frames: int | None) -> dict[str, Any]:
    """LattePipeline has no mask for embeddings that are given to it: it lets all prompts of a batch see padding."""
    return kwargs | {"encoder_attention_mask": bias_of(kwargs["encoder_hidden_states"], frames)}
