"""Small random models of the real classes in the real layouts: a base that loads, trains and samples in seconds.

folder = make_base(tmp_path / "bases")      writes tiny.yaml, tiny/t2i, tiny/t2v/unet, tiny/judge, ...
base = load(load_spec("tiny", folder), t2v=True)
"""

import json
from pathlib import Path
from typing import Any

CONTEXT = 40  # tokens; a letter is one


def make_base(
    folder: Path, name: str = "tiny", *, adapter: bool = False, prediction: str = "epsilon", **changes: Any
) -> Path:
    """Write a base and return `folder`; `changes` replace top-level keys of its YAML.

    :param adapter: lay it out like SD 1.5 with a motion adapter (two folders), not with a UNetMotionModel of its own.
    """
    import torch
    from diffusers import MotionAdapter, UNetMotionModel

    parts = folder / name
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        unet = make_t2i(parts / "t2i", prediction)
        motion: Any = MotionAdapter(
            block_out_channels=(16, 32), motion_layers_per_block=1, motion_num_attention_heads=2,
            motion_norm_num_groups=8, motion_max_seq_length=8, use_motion_mid_block=False,
        )  # fmt: skip
        if adapter:
            motion.half().save_pretrained(parts / "adapter")
        else:
            UNetMotionModel.from_unet2d(unet, motion).half().save_pretrained(parts / "t2v" / "unet")
        make_judge(parts / "judge")
    t2v = {"adapter": f"{name}/adapter"} if adapter else {"unet": f"{name}/t2v/unet"}
    spec: dict[str, Any] = {
        "name": name,
        "t2i": {"pipeline": "StableDiffusionPipeline", "path": f"{name}/t2i"},
        "t2v": {"pipeline": "AnimateDiffPipeline", **t2v},
        "judge": {"model": f"{name}/judge", "vocabulary": f"{name}/vocabulary.yaml", "motion": None},
        "prompts": f"{name}/prompts.yaml",
        "resolution": 32, "frames": 2, "fps": 4,
        "scheduler": "DPMSolverMultistepScheduler", "steps": 2, "guidance": 3.0, "dtype": "float32", "device": "cpu",
        **changes,
    }  # fmt: skip
    write_yaml(folder / f"{name}.yaml", spec)
    kinds = ("character", "style", "object", "person", "motion", "image")
    far = {"prompt": "a teapot", "asks": {"axis": "subject", "name": "teapot"}}
    write_yaml(parts / "prompts.yaml", {
        "fewshot": {kind: ["a photo of {}", "one {}"] for kind in kinds},
        "eval": {kind: ["a picture of {}", "{} on the moon"] for kind in kinds},
        "far": [far], "general": ["a house", "a tree", "the sea"],
    })  # fmt: skip
    names = {"subject": ["teapot", "bolt", "cat"], "style": ["sketch"], "background": ["beach"], "motion": ["spinning"]}
    templates = {"subject": ["a picture of {}"], "style": ["{}"], "motion": ["{}"]}
    axes = {axis: [{"id": word, "names": [word]} for word in words] for axis, words in names.items()}
    write_yaml(parts / "vocabulary.yaml", {"templates": templates, **axes})
    return folder


def make_t2i(folder: Path, prediction: str = "epsilon") -> Any:
    """A StableDiffusionPipeline folder in float16; returns its U-Net in float32 (8 latent channels, factor 2)."""
    from diffusers import AutoencoderKL, DDPMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    tokenizer = make_tokenizer(folder / "tokenizer")
    start, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    text = CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=CONTEXT, bos_token_id=start, eos_token_id=end, pad_token_id=end, projection_dim=32,
    )  # fmt: skip
    vae: Any = AutoencoderKL(
        block_out_channels=(8, 16), latent_channels=8, norm_num_groups=8, sample_size=32, scaling_factor=0.5,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
    )  # fmt: skip
    unet: Any = UNet2DConditionModel(
        sample_size=16, in_channels=8, out_channels=8, block_out_channels=(16, 32), layers_per_block=1,
        norm_num_groups=8, cross_attention_dim=32, attention_head_dim=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    encoder = CLIPTextModel(text)
    halves = (unet.state_dict(), vae.state_dict(), encoder.state_dict())
    for state in halves:  # numbers that float16 holds, so that what is in memory is what is in the files
        for tensor in state.values():
            if tensor.is_floating_point():
                tensor.copy_(tensor.half())
    pipe: Any = StableDiffusionPipeline(
        vae=vae, text_encoder=encoder, tokenizer=tokenizer, unet=unet, safety_checker=None, feature_extractor=None,
        scheduler=DDPMScheduler(
            beta_schedule="scaled_linear", prediction_type=prediction, steps_offset=1, clip_sample=False
        ),
        requires_safety_checker=False,
    )  # fmt: skip
    pipe.to(dtype=_half()).save_pretrained(folder)
    (folder / "tokenizer" / "tokenizer.json").unlink(missing_ok=True)  # the layout of the older repositories
    make_tokenizer(folder / "tokenizer")
    return unet.float()


def make_judge(folder: Path) -> None:
    """A random judge with the T2I model's tokenizer."""
    from expunge.judging.clip import build_clip, save_judge

    vision = {"layers": 1, "width": 32, "head_width": 16, "patch_size": 8, "image_size": 32}
    text = {"context_length": CONTEXT, "vocab_size": 514, "width": 32, "heads": 2, "layers": 1}
    config = {"embed_dim": 16, "vision_cfg": vision, "text_cfg": text}
    preprocess = {"size": 32, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}
    save_judge(folder, build_clip(config), config, preprocess, "../t2i/tokenizer")


def make_tokenizer(folder: Path) -> Any:
    """A CLIPTokenizer of the 256 bytes, each also at the end of a word, without merges."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(words)}), "utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", "utf-8")
    tokens = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": CONTEXT, "pad_token": "<|endoftext|>", **tokens}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
    return CLIPTokenizer.from_pretrained(folder)


def make_cache(cache: Path, repo: str, revision: str, folder: Path) -> Path:
    """Lay a folder out as the hub's cache would hold it, `main` pointing at the revision; returns the snapshot."""
    from hashlib import sha256

    root = cache / f"models--{repo.replace('/', '--')}"
    (root / "refs").mkdir(parents=True, exist_ok=True)
    (root / "refs" / "main").write_text(revision)
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        blob = root / "blobs" / sha256(file.read_bytes()).hexdigest()
        blob.parent.mkdir(exist_ok=True)
        blob.write_bytes(file.read_bytes())
        link = root / "snapshots" / revision / file.relative_to(folder)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)
    return root / "snapshots" / revision


def write_yaml(file: Path, data: Any) -> None:
    from ruamel.yaml import YAML

    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "w", encoding="utf-8") as out:
        yaml = YAML(typ="safe")
        yaml.default_flow_style = False
        yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
        yaml.dump(data, out)


def _half() -> Any:
    import torch

    return torch.float16
