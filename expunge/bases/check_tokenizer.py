"""Is a tokenizer the text encoder's own? Imports no torch."""

from pathlib import Path
from typing import Any

from expunge.bases.families import Family
from expunge.bases.parts import Part, read_json
from expunge.bases.spec import Spec
from expunge.core.errors import Problem

LEGACY_END = 2  # the end token's id in the config.json of older CLIP models: then the highest id is the end
OWN = "put the text encoder's own tokenizer there"
MOST_PADDING = 128  # rows by which an embedding may be rounded up


def tokenizer_problems(family: Family, encoder: Part, folder: Path) -> list[Problem]:
    """Differences between a tokenizer's folder and the settings of the text encoder: words, end token, length."""
    where, label = encoder.where, f"t2i.{folder.name}"
    try:
        ids, settings = tokens_of(folder), read_json(folder / "tokenizer_config.json") or {}
        special = read_json(folder / "special_tokens_map.json") or {}
    except ValueError as error:
        return [Problem(where, f"{label}: {error}", "copy the model's own tokenizer there")]
    if not ids:
        return []  # the missing file has been reported
    fix = OWN
    problems = spelling_missing(family, where, label, folder)
    words, rows = max(ids.values()) + 1, encoder.config.get("vocab_size")
    padded = isinstance(rows, int) and rows % 8 == 0 and 0 < rows - words < MOST_PADDING
    if isinstance(rows, int) and words != rows and not padded:
        what = f"{label}: it knows {words:,} tokens, and the text encoder has embeddings for {rows:,}"
        problems.append(Problem(where, what, fix))
    name = _text(settings.get("eos_token")) or _text(special.get("eos_token")) or family.END
    end, wanted = ids.get(name), encoder.config.get("eos_token_id")
    if end is None:
        problems.append(Problem(where, f"{label}: it has no id for its end token {name}", fix))
    elif isinstance(wanted, int) and wanted not in (end, LEGACY_END):
        what = f"{label}: its end token {name} has the id {end}, and the text encoder's is {wanted}"
        problems.append(Problem(where, what, fix))
    length, longest = settings.get("model_max_length"), encoder.config.get("max_position_embeddings")
    if isinstance(longest, int) and length != longest:
        says = f"its model_max_length is {length}" if length is not None else "it has no model_max_length"
        what = f"{label}: {says}, and the text encoder reads {longest} tokens"
        problems.append(Problem(where, what, f"write `model_max_length: {longest}` into tokenizer_config.json"))
    return problems


def differing_tokenizers(spec: Spec, folder: Path) -> list[Problem]:
    """Tokenizers of a pipeline that read words as other tokens than the first one does; only their padding may differ.

    :param folder: of the T2I pipeline.
    """
    first, *others = (folder / name for name in spec.family.TOKENIZERS)
    problems, where = [], spec.t2i.source.where if spec.t2i.source is not None else str(spec.file)
    try:
        for other in others:
            if tokens_of(other) != tokens_of(first):
                what = f"t2i.{other.name}: it knows other tokens than t2i.{first.name}"
                problems.append(Problem(where, what, "put the tokenizers of one model there"))
    except ValueError:
        return []  # which one is broken has been reported
    return problems


def spelling_missing(family: Family, where: str, label: str, folder: Path) -> list[Problem]:
    """One problem if a tokenizer's folder says nothing of how its tokens are put together; else none."""
    if any((folder / name).is_file() for name in family.SPELLING_FILES):
        return []
    return [Problem(where, f"{label}: {family.SPELLING_FILES[0]} is missing", OWN)]


def tokens_of(folder: Path) -> dict[str, int]:
    """{token: id}, with added tokens; {} where the folder holds no vocabulary.

    :raises ValueError: a file is not of the form of a tokenizer's.
    """
    whole = read_json(folder / "tokenizer.json") or {}
    own = read_json(folder / "vocab.json")
    listed = (whole.get("model") or {}).get("vocab") or {}
    if isinstance(listed, list):  # Unigram: [[piece, score], ...]
        listed = {str(piece): number for number, (piece, *_) in enumerate(listed)}
    ids = dict(listed) if own is None else dict(own)
    ids |= {str(each.get("content")): each.get("id") for each in whole.get("added_tokens") or [] if own is None}
    ids |= read_json(folder / "added_tokens.json") or {}
    decoder = (read_json(folder / "tokenizer_config.json") or {}).get("added_tokens_decoder") or {}
    ids |= {str(each.get("content")): int(number) for number, each in decoder.items() if str(number).isdigit()}
    if not all(isinstance(number, int) for number in ids.values()):
        raise ValueError("its vocabulary is no table of tokens and whole numbers")
    return ids


def _text(token: Any) -> str | None:
    """A special token as text; the files write it as text or as {content: text}."""
    return token.get("content") if isinstance(token, dict) else token
