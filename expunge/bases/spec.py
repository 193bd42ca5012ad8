"""What a base is, read from `bases/<name>.yaml`; nothing here imports torch, so checking a list stays fast.

A base is a pinned text-to-image pipeline and a pinned text-to-video pipeline that share one text encoder, with the
judge that scores them. `schema.json` describes the file; `load_spec` reports everything that is wrong with it.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from expunge.core.errors import InputError, Problem

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
LARGEST_FILE = 64 * 1024  # bytes of YAML; a base file has some forty lines


@dataclass(frozen=True)
class Source:
    """Where weights lie: a local folder, or a hub repository at a revision (None: the lock beside the base's file)."""

    where: str  # "bases/emoji.yaml:5", for errors
    path: Path | None = None
    repo: str | None = None
    revision: str | None = None
    variant: str | None = None


@dataclass(frozen=True)
class Pipeline:
    """One pipeline of a base: its diffusers class, where its parts lie, and how it samples."""

    pipeline: str
    source: Source | None  # None: every part but `unet` / `adapter` is the T2I pipeline's own
    unet: Source | None
    adapter: Source | None
    scheduler: str | None  # class name; None: the one the pipeline was saved with
    scheduler_options: dict[str, Any]
    steps: int
    guidance: float
    batch: int  # samples drawn at once


@dataclass(frozen=True)
class Judge:
    """The scorer: an open_clip folder (`model`) or an open_clip `pretrained` name and tag, and its vocabulary."""

    model: Path | None
    pretrained: tuple[str, str] | None  # (open_clip name, tag)
    weights: Source | None  # the hub repository of `pretrained`, where one is named
    vocabulary: Path | None
    motion: Path | None


@dataclass(frozen=True)
class Spec:
    name: str
    file: Path  # bases/<name>.yaml
    t2i: Pipeline
    t2v: Pipeline
    judge: Judge
    prompts: Path
    resolution: int  # pixels, of both sides
    frames: int
    fps: int
    dtype: str  # float32 | bfloat16 | float16 | auto
    device: str  # auto | cpu | cuda | cuda:N | mps
    threads: int | None = None  # of each process on a CPU, of which there are as many as it has cores for; None: one
    raw: dict[str, Any] = field(repr=False, compare=False, default_factory=dict)

    @property
    def lock(self) -> Path:
        """The file that records what unpinned hub repositories resolved to at the first load."""
        return self.file.with_suffix(".lock.yaml")


def load_spec(name: str, folder: Path | str = "bases") -> Spec:
    """Read and check `folder/name.yaml`. No weight is opened.

    :raises InputError: with every problem at once, each with its line in the file.
    """
    folder = Path(folder)
    if not NAME.fullmatch(name):
        raise InputError([Problem("base", f"{name!r} is no name of a base", f"write one of {_names(folder)}")])
    file = folder / f"{name}.yaml"
    if not file.is_file():
        raise InputError([Problem("base", f"there is no {file}", f"write one of {_names(folder)}")])
    raw, lines = _read(file)

    def at(path: Iterable[Any]) -> str:
        return f"{file}:{_line(lines, list(path))}"

    problems = [Problem(at(path), what, fix) for path, what, fix in _schema_errors(raw, _schema())]
    if problems:
        raise InputError(problems)
    if raw["name"] != name:
        problems.append(Problem(at(["name"]), f"the name {raw['name']!r} is not the file's", f"write `name: {name}`"))

    def path(value: str | None, *keys: str) -> Path | None:
        if value is None:
            return None
        target, root = (folder / value).resolve(), folder.resolve()
        if Path(value).is_absolute() or not target.is_relative_to(root) or target == root:
            fix = f"write a path relative to {folder}/ that stays inside it"
            problems.append(Problem(at(keys), f"{value!r} leaves {folder}/", fix))
        return folder / value

    def source(entry: Any, *keys: str) -> Source | None:
        if isinstance(entry, str):
            entry = {"path": entry}
        if not entry or not ("path" in entry or "repo" in entry):
            return None
        local = path(entry.get("path"), *keys, "path")
        return Source(at(keys), local, entry.get("repo"), entry.get("revision"), entry.get("variant"))

    def pipeline(kind: str, batch: int) -> Pipeline:
        entry = {key: raw[key] for key in ("scheduler", "scheduler_options", "steps", "guidance") if key in raw}
        entry |= raw[kind]
        unet, adapter = source(entry.get("unet"), kind, "unet"), source(entry.get("adapter"), kind, "adapter")
        whole = source(entry, kind)
        if whole is None and (kind == "t2i" or (unet is None and adapter is None)):
            what = "says neither where its folder lies nor which repository it is"
            problems.append(Problem(at([kind]), what, "write `path:`, or `repo:` with `revision:`"))
        return Pipeline(
            entry["pipeline"], whole, unet, adapter, entry.get("scheduler"), entry.get("scheduler_options") or {},
            entry["steps"], float(entry["guidance"]), entry.get("batch", batch),
        )  # fmt: skip

    judge, pretrained = raw["judge"], raw["judge"].get("pretrained") or {}
    spec = Spec(
        name=name,
        file=file,
        t2i=pipeline("t2i", 8),
        t2v=pipeline("t2v", 2),
        judge=Judge(
            path(judge.get("model"), "judge", "model"),
            (pretrained["name"], pretrained["tag"]) if pretrained else None,
            source({k: pretrained[k] for k in ("repo", "revision") if k in pretrained}, "judge", "pretrained"),
            path(judge.get("vocabulary"), "judge", "vocabulary"),
            path(judge.get("motion"), "judge", "motion"),
        ),
        prompts=path(raw["prompts"], "prompts") or folder,
        resolution=raw["resolution"],
        frames=raw["frames"],
        fps=raw["fps"],
        dtype=raw.get("dtype", "auto"),
        device=raw.get("device", "auto"),
        threads=raw.get("threads"),
        raw=raw,
    )
    if problems:
        raise InputError(problems)
    return spec


def light_tokenizer(spec: Spec) -> tuple[Callable[[str], list[int] | None], int] | None:
    """The base's CLIP tokenizer without torch: (text -> ids, or None where it cannot spell the text; most ids).

    The ids carry no start and end token and the most that fit is the context less those two. None where the base's
    tokenizer files are not on this machine.
    """
    from expunge.bases.hub import find_tokenizer

    folder = find_tokenizer(spec)
    if folder is None:
        return None
    from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
    from tokenizers.models import BPE

    if (folder / "vocab.json").is_file():
        vocabulary, merges = BPE.read_file(str(folder / "vocab.json"), str(folder / "merges.txt"))
    else:
        model = json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]
        vocabulary = model["vocab"]
        merges = [_pair(pair) for pair in model["merges"]]
    specials = {"<|startoftext|>", "<|endoftext|>"}
    unknown = "<|endoftext|>"  # CLIP's choice
    tokenizer = Tokenizer(
        BPE(vocabulary, merges, continuing_subword_prefix="", end_of_word_suffix="</w>", unk_token=unknown)
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    words = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(words), "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )

    def ids(text: str) -> list[int] | None:
        if any(special in text.lower() for special in specials):
            return None  # it would be read as a token of its own and cut the prompt short
        found = tokenizer.encode(text, add_special_tokens=False).ids
        return None if not found or vocabulary[unknown] in found else found

    config = folder / "tokenizer_config.json"
    longest = json.loads(config.read_text("utf-8")).get("model_max_length", 77) if config.is_file() else 77
    return ids, int(longest) - 2


def base_digest(spec: Spec) -> str:
    """sha256 over what the two models draw: their weights' files (or hub revisions), solver, size, dtype and device.

    The judge and the prompts are left out, so that a new vocabulary does not redo the unlearning; see `judge_digest`.

    :raises InputError: weights are missing, or a revision is neither pinned, locked nor cached.
    """
    from expunge.bases.hub import source_digest
    from expunge.core.digest import digest

    raw = {key: value for key, value in spec.raw.items() if key not in ("judge", "prompts")}
    sources = [s for p in (spec.t2i, spec.t2v) for s in (p.source, p.unet, p.adapter) if s is not None]
    return digest({"base": raw, "files": [source_digest(spec, source) for source in sources]})


def judge_digest(spec: Spec) -> str:
    """sha256 over the judge's files, names, revision and vocabulary."""
    from expunge.bases.hub import folder_files, source_digest
    from expunge.core.digest import digest, file_digest

    files: dict[str, str] = {}
    for path in (spec.judge.model, spec.judge.vocabulary, spec.judge.motion):
        for file in folder_files(path) if path else ():
            files[file.relative_to(spec.file.parent).as_posix()] = file_digest(file)
    weights = source_digest(spec, spec.judge.weights) if spec.judge.weights else None
    return digest({"judge": spec.raw["judge"], "files": files, "weights": weights})


def _names(folder: Path) -> str:
    names = sorted(p.stem for p in folder.glob("*.yaml") if not p.name.endswith(".lock.yaml"))
    return ", ".join(names) or f"the stem of a file in {folder}/ (there is none)"


def _pair(merge: str | list[str]) -> tuple[str, str]:
    """A merge of tokenizer.json: "a b" in older files, ["a", "b"] in newer ones."""
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _read(file: Path) -> tuple[Any, Any]:
    """The file as plain data, and the same with line numbers."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    if file.stat().st_size > LARGEST_FILE:
        raise InputError([Problem(f"{file}", f"is larger than {LARGEST_FILE} bytes", "is it a base's YAML?")])
    try:
        text = file.read_text("utf-8")
        if re.search(r"^[^#'\"]*[:-]\s+[&*]\w", text, re.MULTILINE):
            raise InputError([Problem(f"{file}", "uses a YAML anchor or alias", "write the value out")])
        return YAML(typ="safe", pure=True).load(text), YAML(typ="rt").load(text)
    except UnicodeDecodeError as error:
        raise InputError([Problem(f"{file}", f"is not UTF-8 ({error.reason})", "save it as UTF-8")]) from None
    except YAMLError as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        what = (error.problem if isinstance(error, MarkedYAMLError) else None) or "cannot be read"
        raise InputError([Problem(f"{file}:{mark.line + 1 if mark else 1}", what, "write valid YAML")]) from None


def _line(lines: Any, path: list[Any]) -> int:
    line = 1
    for key in path:
        try:
            line = lines.lc.key(key)[0] + 1 if isinstance(key, str) else lines.lc.item(key)[0] + 1
            lines = lines[key]
        except (AttributeError, KeyError, IndexError, TypeError):
            break
    return line


def _schema() -> dict[str, Any]:
    return json.loads(Path(__file__).with_name("schema.json").read_text("utf-8"))


def _schema_errors(raw: Any, schema: dict[str, Any]) -> list[tuple[list[Any], str, str]]:
    from jsonschema import Draft202012Validator

    errors = sorted(Draft202012Validator(schema).iter_errors(raw), key=lambda error: [str(p) for p in error.path])
    found = []
    for error in errors:
        allowed = error.schema.get("enum") if isinstance(error.schema, dict) else None
        fix = f"write one of {', '.join(map(str, allowed))}" if allowed else ""
        if isinstance(error.schema, dict) and not fix:
            fix = error.schema.get("description", "see expunge/bases/schema.json")
        message = error.message if len(error.message) < 200 else error.message[:197] + "..."
        if error.validator == "not":
            message, fix = "has both path and repo", "keep one of them"
        elif error.validator in ("oneOf", "anyOf"):
            message = f"{str(error.instance)[:100]} is none of what may stand here"
        found.append((list(error.path), ".".join(map(str, [*error.path, message])) if error.path else message, fix))
    return found
