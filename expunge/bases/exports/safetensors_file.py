"""Where each tensor lies in a .safetensors file: 8 bytes with the header's length, the header as JSON, the tensors.

The format: https://github.com/huggingface/safetensors#format. The library checks a file, but gives no offsets.
"""

import json
import stat
from pathlib import Path

from safetensors import SafetensorError, safe_open

from expunge.core.errors import InputError, Problem, shown


def spans(file: Path) -> dict[str, int]:
    """{tensor's name: offset of its first byte in the file}.

    :raises InputError: it is missing, no file, or no valid safetensors.
    """
    fix = "name a whole .safetensors file; a .ckpt or .bin is converted first, with a program that you trust"
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise InputError([Problem(shown(file), "is no file", fix)])
        with safe_open(file, "pt"):  # the library checks lengths, offsets and overlaps
            pass
        with open(file, "rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            header = json.loads(opened.read(length))
    except (OSError, SafetensorError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError([Problem(shown(file), f"cannot be read ({why})", fix)]) from None
    return {name: 8 + length + entry["data_offsets"][0] for name, entry in header.items() if name != "__metadata__"}
