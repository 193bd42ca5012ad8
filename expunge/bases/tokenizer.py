"""A base's tokenizer without torch, so that `expunge validate` can count the tokens of names."""

import json
import re
from collections.abc import Callable

from expunge.bases.check_additions import vectors_of
from expunge.bases.families import stable_diffusion as family
from expunge.bases.hub import find_tokenizer
from expunge.bases.spec import Spec


def light_tokenizer(spec: Spec) -> tuple[Callable[[str], list[int] | None], int] | None:
    """The base's CLIP tokenizer: (text -> ids, or None if it cannot spell the text; the most ids that fit).

    The ids have no start and end token. The most ids that fit is the length of the context without these two.

    :returns: None where the tokenizer's files are not on this machine, or not all of them.
    """
    folder = find_tokenizer(spec)
    if folder is None:
        return None
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
        BPE(
            vocabulary, merges, continuing_subword_prefix="", end_of_word_suffix=family.END_OF_WORD,
            unk_token=family.UNKNOWN,
        )
    )  # fmt: skip
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    words = pre_tokenizers.Split(Regex(family.WORDS), "removed", invert=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, pre_tokenizers.ByteLevel(add_prefix_space=False)])

    def ids(text: str) -> list[int] | None:
        if any(special in text.lower() for special in (family.START, family.END)):
            return None  # CLIP reads it as a special token, which cuts the prompt short
        encoded = tokenizer.encode(text, add_special_tokens=False).ids
        return None if not encoded or vocabulary[family.UNKNOWN] in encoded else encoded

    def ids_with_inversions(text: str) -> list[int] | None:
        """As `ids`; each vector of a textual inversion is a token behind the vocabulary."""
        found: list[int] = []
        for piece in re.split(f"({'|'.join(map(re.escape, inversions))})", text):
            read = [len(vocabulary)] * inversions[piece] if piece in inversions else ids(piece) if piece.strip() else []
            if read is None:
                return None
            found += read
        return found or None

    inversions = {each.token: vectors_of(each) for each in spec.inversions}
    config = folder / "tokenizer_config.json"
    settings = json.loads(config.read_text("utf-8")) if config.is_file() else {}
    return ids_with_inversions if inversions else ids, int(settings.get("model_max_length", family.LONGEST_PROMPT)) - 2


def _pair(merge: str | list[str]) -> tuple[str, str]:
    """A merge of tokenizer.json: "a b" in older files, ["a", "b"] in newer ones."""
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right
