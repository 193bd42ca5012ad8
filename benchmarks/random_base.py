"""A base of real sizes with random weights, in the layout of the real one: same cost, same memory, same code path.

config = read_config("pixart")
write_base(folder, config, {"encoder": 2})       folder/pixart.yaml, with 2 of the encoder's 24 layers
base = load(load_spec("pixart", folder))

The configurations are benchmarks/sizes/<family>.yaml, each with the place where it is published. The tokenizers are
made up: the embedded base's words, and WORDS more, one token each.
"""

import copy
import json
from collections.abc import Mapping
from itertools import islice, product
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "benchmarks" / "sizes"
WORDS = 640  # more than the methods ask of a vocabulary
EMOJI = ROOT / "bases" / "emoji"


def families() -> list[str]:
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


def read_config(family: str) -> dict[str, Any]:
    """benchmarks/sizes/<family>.yaml."""
    config: dict[str, Any] = YAML(typ="safe").load((FOLDER / f"{family}.yaml").read_text("utf-8"))
    return config


def full_sizes(config: Mapping[str, Any]) -> dict[str, int]:
    """{name of a size: its published value, the first part's where it is one of several}."""
    return {name: int(_owner(config, places[0])[places[0].split(".")[-1]]) for name, places in config["sizes"].items()}


def with_sizes(config: Mapping[str, Any], sizes: Mapping[str, int]) -> dict[str, Any]:
    """A copy of a configuration in which some sizes have other values."""
    changed = copy.deepcopy(dict(config))
    for name, value in sizes.items():
        for place in config["sizes"][name]:
            _owner(changed, place)[place.split(".")[-1]] = value
    return changed


def _owner(config: Mapping[str, Any], place: str) -> dict[str, Any]:
    """The section that holds t2i.<part>.<setting> or t2v.<setting>."""
    pipeline, *part, _ = place.split(".")
    section = config[pipeline]["parts"][part[0]] if part else config[pipeline]
    return section["config"]  # type: ignore[no-any-return]


def write_base(folder: Path, name: str, config: Mapping[str, Any]) -> None:
    """Write folder/<name>.yaml and its models, with random weights in float16, as most are published."""
    import diffusers
    import torch

    from expunge.bases.families import family_of
    from expunge.bases.pipelines import quiet

    torch.manual_seed(0)
    place, pictures, videos = folder / name, config["t2i"], config["t2v"]
    made = {}
    for part, each in pictures["tokenizers"].items():
        kind = {"clip": clip_tokenizer, "t5": t5_tokenizer}[each["kind"]]
        made[part] = kind(place / "t2i" / part, each["length"])
    ids = {key: getattr(made["tokenizer"], key) for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
    family = family_of(pictures["pipeline"])
    with quiet():
        for part, each in pictures["parts"].items():
            encodes = part.startswith("text_encoder")
            made[part] = make(each["class"], {**each["config"], **(ids if encodes else {})})
        pipe = getattr(diffusers, pictures["pipeline"])(**{**family.T2I[pictures["pipeline"]], **made})
        pipe.save_pretrained(place / "t2i")
        where = f"{name}/t2i/{videos['part']}"
        if "class" in videos:
            where = f"{name}/t2v/{videos['part']}"
            make(videos["class"], videos["config"]).save_pretrained(folder / where)
    key = {"motion_adapter": "adapter"}.get(videos["part"], videos["part"])
    written = {
        "name": name,
        "t2i": {"pipeline": pictures["pipeline"], "path": f"{name}/t2i"},
        "t2v": {"pipeline": videos["pipeline"], key: where},
        "judge": {"model": f"{name}/t2i", "vocabulary": f"{name}/prompts.yaml", "motion": None},  # never loaded
        "prompts": f"{name}/prompts.yaml",
        **config["base"],
    }
    (place / "prompts.yaml").write_text((EMOJI / "prompts.yaml").read_text("utf-8"), "utf-8")
    (folder / f"{name}.yaml").write_text(json.dumps(written), "utf-8")


def make(kind: str, config: Mapping[str, Any]) -> Any:
    """A model in float16, or a scheduler, of a class of diffusers or transformers."""
    import diffusers
    import torch
    import transformers

    if hasattr(diffusers, kind):
        made = getattr(diffusers, kind)(**config)
    else:
        loader = getattr(transformers, kind)
        made = loader(loader.config_class(**config))
    return made.half() if isinstance(made, torch.nn.Module) else made


def made_up() -> list[str]:
    """WORDS words of two syllables."""
    syllables = ["".join(pair) for pair in product("bdgklmnprstvz", "aeiou")]
    return ["".join(pair) for pair in islice(product(syllables, syllables), 0, None, 6)][:WORDS]


def clip_tokenizer(folder: Path, length: int) -> Any:
    """The embedded base's, with the made-up words after its own."""
    from transformers import CLIPTokenizerFast

    own = EMOJI / "t2i" / "tokenizer"
    vocabulary = json.loads((own / "vocab.json").read_text("utf-8"))
    merges = (own / "merges.txt").read_text("utf-8").splitlines()
    for word in made_up():
        begin, end = word[:2], f"{word[2:]}</w>"
        pairs = ((begin[0], begin[1]), (end[0], end[1:]), (begin, end))
        for left, right in pairs:
            vocabulary.setdefault(left + right, len(vocabulary))
        merges += ["{} {}".format(*pair) for pair in pairs]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    (folder / "merges.txt").write_text("\n".join(dict.fromkeys(merges)) + "\n", "utf-8")
    return CLIPTokenizerFast(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=length,
        bos_token="<|startoftext|>", eos_token="<|endoftext|>", pad_token="<|endoftext|>", unk_token="<|endoftext|>",
    )  # fmt: skip


def t5_tokenizer(folder: Path, length: int) -> Any:
    """Letters, the embedded base's words, and the made-up ones."""
    from transformers import T5Tokenizer

    known = json.loads((EMOJI / "t2i" / "tokenizer" / "vocab.json").read_text("utf-8"))
    words = [word.removesuffix("</w>") for word in known if word.endswith("</w>") and word[0].isalpha()]
    pieces = {"<pad>": 0.0, "</s>": 0.0, "<unk>": 0.0, "\u2581": -5.0}
    pieces |= {chr(code): -5.0 for code in range(33, 127)}
    pieces |= {f"\u2581{word}": -3.0 for word in (*words, *made_up())}
    return T5Tokenizer(vocab=list(pieces.items()), extra_ids=0, model_max_length=length)
