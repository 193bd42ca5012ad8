"""Families of models: what is special about each stands in one file of this folder, and nowhere else.

    family = family_of("StableDiffusionPipeline", "AnimateDiffPipeline")     the module expunge.bases.families.sd
    base.spec.family.denoise(denoiser, latents, t, text)

A family is a module with what `Family` lists: names of classes, parts and tensors, and small functions that call the
models. Where a second T2V pipeline shares a text encoder, a module takes what both have from the first one's, and says
what differs (pixart_allegro.py). Importing one imports no torch, so that `expunge validate` stays fast. They are found
by their files, and a unit's key holds the version of its own base's family alone (`modules_of`): a new family makes
nothing anew.
"""

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from expunge.bases.families.names import Size

if TYPE_CHECKING:
    from torch import Tensor


class Family(Protocol):
    """What a family's module holds. Embeddings are (N, L, D) float32; a position that is all zeros is padding that
    nothing reads, in the families whose denoisers have a mask."""

    __name__: str

    @property
    def NAME(self) -> str: ...  # in messages
    @property
    def T2I(
        self,
    ) -> Mapping[
        str, Mapping[str, Any]
    ]: ...  # {pipeline's class: arguments that keep it from loading what is not needed}
    @property
    def T2V(self) -> Mapping[str, Mapping[str, Any]]: ...
    @property
    def DENOISER(
        self,
    ) -> str: ...  # the attribute of both pipelines that holds the denoiser, and the name of its folder
    @property
    def SHARED_PARTS(
        self,
    ) -> Sequence[str]: ...  # what a T2V pipeline takes from the T2I pipeline if it has no folder of its own
    @property
    def VIDEO_PARTS(
        self,
    ) -> Mapping[str, str]: ...  # {part that the base's file may name for the T2V pipeline alone: its class}
    @property
    def MOVING(self) -> str: ...  # the class of a denoiser that moves things by itself
    @property
    def PREDICTIONS(self) -> Sequence[str]: ...  # prediction types of the T2I model that training supports
    @property
    def ENCODERS(self) -> Mapping[str, str]: ...  # {part of a pipeline that is a text encoder: its class}
    @property
    def CLASSES(self) -> Mapping[str, Sequence[str]]: ...  # {part of a pipeline: the classes that it may have}
    @property
    def VIDEO_CLASSES(self) -> Mapping[str, Sequence[str]]: ...
    @property
    def OTHER_PARTS(
        self,
    ) -> Sequence[str]: ...  # parts of a pipeline's folder that are not loaded, or that are no model
    @property
    def MODELS(self) -> Mapping[str, str]: ...  # {part of a pipeline that is a model: stem of its weights' file}
    @property
    def OPTIONAL_MODELS(self) -> Sequence[str]: ...  # those of MODELS that only some T2V pipelines have
    @property
    def TOKENIZERS(self) -> Sequence[str]: ...  # parts of a pipeline that are tokenizers, one an encoder
    @property
    def TOKENIZER_FILES(self) -> Sequence[str]: ...  # what the tokenizer opens; some of them may be missing
    @property
    def VOCABULARY_FILES(self) -> Sequence[str]: ...  # one of them must be there
    @property
    def SPELLING_FILES(self) -> Sequence[str]: ...  # one of them says how tokens are put together
    @property
    def END(self) -> str: ...  # the token at the end of a prompt
    @property
    def STARTS(self) -> int: ...  # tokens before a prompt's own
    @property
    def FRAMES(self) -> str: ...  # the argument of the T2V pipeline that says how many frames
    @property
    def LONGEST_PROMPT(self) -> int: ...  # tokens, start and end included, where the tokenizer's settings say nothing
    @property
    def CUTS(
        self,
    ) -> bool: ...  # do the pipelines cut prompts at LONGEST_PROMPT, whatever the tokenizer's settings say?
    @property
    def SKIPS(self) -> bool: ...  # can the last layers of the encoder be left out?
    @property
    def UNREAD(self) -> int: ...  # last layers of a text encoder whose states the denoiser does not read
    @property
    def READS_PADDING(self) -> bool: ...  # does the denoiser read what the encoder makes of padding?
    @property
    def CAUSAL(self) -> bool: ...  # does no position of the encoder see those after it?
    @property
    def CROSS_ATTENTION(self) -> bool: ...  # has the denoiser projections of the text alone?
    @property
    def TEXT_BY_FRAME(self) -> bool: ...  # does the T2V denoiser read a text for each frame?
    @property
    def VIDEO_VAE(self) -> bool: ...  # does the T2V pipeline's VAE decode a video as a whole?
    @property
    def CARRIES_OVER(self) -> bool: ...  # do changes of the T2I denoiser fit the T2V denoiser?
    @property
    def PICTURE_FRAMES(self) -> int | None: ...  # frames of a picture, where the T2I pipeline draws videos
    @property
    def TIED(
        self,
    ) -> Sequence[str]: ...  # ends of names of the encoder's tensors that are others once more, and stand in no file
    @property
    def NOT_READ(self) -> Sequence[str]: ...  # ends of names of what an encoder's file may hold and nobody reads
    @property
    def ENCODER_NAMES(self) -> Sequence[str]: ...  # how normalised names of the encoder's tensors begin
    @property
    def DENOISER_NAMES(self) -> Sequence[str]: ...  # how names of a denoiser's tensors begin
    @property
    def INVERSIONS(self) -> bool: ...  # do the pipelines read textual inversions?
    @property
    def LINEARS(
        self,
    ) -> Sequence[Sequence[str]]: ...  # linear layers of a layer by the input that they share, in their order
    @property
    def SIZES(
        self,
    ) -> Sequence[
        tuple[str, Sequence[str], str]
    ]: ...  # (setting of a denoiser, parts, the setting of those parts whose sum it must equal)
    @property
    def MEMORY(self) -> str: ...  # the last linear layer of a layer's MLP
    @property
    def EXPORTS(self) -> Sequence[str]: ...  # formats of bases/exports

    def texts(self, prompts: Iterable[str]) -> list[str]:
        """Prompts as the family's pipelines give them to the tokenizer."""

    def stored_name(self, name: str) -> str:
        """The name under which files hold a tensor of the text encoder."""

    def encoder_shapes(self, config: Mapping[str, Any]) -> dict[str, tuple[Any, ...] | None]:
        """{normalised name: shape, or None where it is not said} of all tensors of a text encoder, by its config.json;
        {} where that does not say how many layers there are."""

    def frames(self, moving: Mapping[str, Any]) -> tuple[int | None, int | None]:
        """(the fewest, the most frames) of a video by the config.json of what moves it; None: any number."""

    def fitting(self, size: Size, denoiser: Mapping[str, Any], vae: Mapping[str, Any]) -> Size:
        """The largest picture or video that models of these config.json draw whole, in no dimension above `size`; 0
        where none is so small."""

    def light_tokenizer(self, folder: Path) -> tuple[Callable[[str], list[int] | None], int, int] | None:
        """The tokenizer in a folder, without torch: (text -> its own ids, or None if it cannot spell the text; the most
        ids that fit; how many tokens it knows); None where not all of its files are there."""

    def whole_words(self, vocabulary: Iterable[str]) -> list[str]:
        """The words that are one token each, of the tokens of a tokenizer, in their order."""

    def trained(self, which: str, layers: int) -> str:
        """A regular expression of the normalised names of the encoder's parameters that a choice `trained` means."""

    def reads_text(self, module: str) -> bool:
        """Is a denoiser's module of this name a key or value projection of the cross-attention to the text?"""

    def attends_to_text(self, module: str) -> bool:
        """Is a denoiser's module of this name a part of its cross-attention to the text?"""

    def encode(self, encoder: Any, ids: "Tensor", mask: "Tensor", skip: int | None) -> "Tensor":
        """(N, L, D): what the family's pipelines feed the denoiser, of token ids and their mask (N, L)."""

    def encode_empty(
        self, pipe: Any, encoder: Any, ids: "Tensor", mask: "Tensor", skip: int | None, video: bool
    ) -> "Tensor":
        """(1, L, D): the empty prompt as a pipeline feeds it for guidance."""

    def scale(self, pipe: Any) -> int:
        """Pixels of a side of one latent."""

    def decode(self, vae: Any, latents: "Tensor") -> "Tensor":
        """Pixels (N, 3, H, W) in [-1, 1] of latents (N, C, h, w); of a video's VAE also (N, 3, F, H, W)."""

    def encode_pixels(self, vae: Any, pixels: "Tensor") -> "Tensor":
        """Latents (N, C, h, w), the mean of the posterior, of pixels (N, 3, H, W) in [-1, 1]."""

    def latents_of(self, result: "Tensor", frames: int | None) -> "Tensor":
        """A pipeline's latents as (N, C, h, w), or of a video as (N, C, f, h, w)."""

    def token_embeddings(self, encoder: Any) -> Any:
        """The module of one text encoder that looks up its tokens."""

    def layers_of(self, encoder: Any) -> Sequence[Any]:
        """The transformer layers of one text encoder, in order."""

    def through(self, layer: Any, states: "Tensor", *rest: Any, **options: Any) -> Iterator[Any]:
        """A layer of the encoder in steps (bases/encoder_layers.py)."""

    def text_maps(self, denoiser: Any) -> list["Tensor"]:
        """Matrices W (out, D) through which embeddings enter a denoiser."""

    def text_states(self, denoiser: Any, embeddings: "Tensor") -> "Tensor":
        """What the key and value projections receive for embeddings."""

    def denoise(
        self, denoiser: Any, latents: "Tensor", timesteps: "Tensor", text: "Tensor", size: tuple[int, int]
    ) -> "Tensor":
        """The denoiser's prediction, of the shape of the latents (N, C, h, w) or (N, C, F, h, w).

        :param size: (height, width) of a sample, in pixels."""

    def call(self, denoiser: Any, text: "Tensor", empty: "Tensor | None", video: bool) -> dict[str, Any]:
        """Arguments with which a pipeline draws for embeddings; `empty` is None without guidance."""

    def fed(self, kwargs: dict[str, Any], frames: int | None, guided: bool) -> dict[str, Any]:
        """The arguments of a denoiser as a pipeline gives them, made right for embeddings that were given to it.

        :param frames: of a video; None: a picture. :param guided: does the empty prompt come first?"""


SHARED = (
    "__init__",
    "names",
    "autoencoder_kl",
    "clip",
    "one_pipeline",
    "t5",
)  # files of this folder that are no family


@cache
def families() -> tuple[Family, ...]:
    """All families, by the names of their files."""
    files = sorted(file.stem for file in Path(__file__).parent.glob("*.py"))
    return tuple(importlib.import_module(f"{__name__}.{name}") for name in files if name not in SHARED)  # type: ignore[misc]


def families_of(picture: str) -> list[Family]:
    """The families that have this T2I pipeline's class: one for each set of T2V pipelines that shares its encoder."""
    return [family for family in families() if picture in family.T2I]


def family_of(picture: str, video: str | None = None) -> Family:
    """The family of a T2I and a T2V pipeline's class. :param video: None where the T2I model alone is asked about, of
    which all its families say the same. :raises LookupError: none has both."""
    return [family for family in families_of(picture) if video is None or video in family.T2V][0]  # noqa: RUF015


def modules_of(parts: Mapping[str, Any]) -> list[str]:
    """The module of a base's family, for the keys of what it computes. :param parts: of the base's digest."""
    picture = parts.get("t2i.pipeline")
    return [family_of(picture, parts.get("t2v.pipeline")).__name__] if picture is not None else []
