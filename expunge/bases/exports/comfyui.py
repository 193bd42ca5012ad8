"""The text encoder as a file for ComfyUI's node CLIPLoader (folder models/text_encoders, type stable_diffusion).

ComfyUI (comfy/sd.py, detect_te_model) tells an encoder by its tensors' names and sizes, which are those of
transformers' CLIPTextModel with the prefix `text_model.`: CLIP-L by its first layer, OpenCLIP-H by its layer 22.
"""

from pathlib import Path

from safetensors.torch import save_file

from expunge.bases.exports import Order
from expunge.bases.exports.parts import cast, dtype_of, encoder_tensors

KNOWN = ((768, 12), (1024, 23), (1024, 24))  # (width, layers) of CLIP-L and OpenCLIP-H


def write(order: Order, out: Path) -> list[str]:
    tensors = cast(encoder_tensors(order), dtype_of(order), order.name)
    save_file(tensors, out, metadata={"format": "pt", **order.about})
    width = tensors["text_model.final_layer_norm.weight"].shape[0]
    layers = len({name.split(".")[3] for name in tensors if name.startswith("text_model.encoder.layers.")})
    if (width, layers) in KNOWN:
        return []
    return [f"ComfyUI knows CLIP-L and OpenCLIP-H, and this encoder has {layers} layers of width {width}"]
