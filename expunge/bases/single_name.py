"""Is a path that of one file with a whole model, and may it be read? By its name only."""

from expunge.bases.advice import CONVERT_FILE, PICKLES

CHECKPOINT = ".safetensors"


def file_problem(path: str | None, config: bool, sha256: bool, whole: bool) -> tuple[str, str] | None:
    """(what, fix) for a path that cannot be read with the keys beside it.

    :param config: is `config:` written beside it? :param sha256: is `sha256:`?
    :param whole: is it the T2I pipeline's, the only one that may be a single file?
    """
    name = (path or "").lower()
    if name.endswith(PICKLES):
        return f"{path} is no safetensors file", CONVERT_FILE
    if name.endswith(CHECKPOINT) and not whole:
        return f"{path} is one file, which is read for `t2i` only", "name a diffusers folder"
    if name.endswith(CHECKPOINT) and not config:
        fix = "write `config:` with a diffusers folder of this kind of model: its JSON files and tokenizer, no weights"
        return f"{path} is a checkpoint of one file, without its settings", fix
    if not name.endswith(CHECKPOINT) and (config or sha256):
        return "`config` and `sha256` belong to a checkpoint of one file", "take them out, or name a .safetensors file"
    return None
