"""What a base is, read from `bases/<name>.yaml`. Nothing here imports torch, so checking a list stays fast.

A base is a pinned text-to-image pipeline and a pinned text-to-video pipeline that share one text encoder, with the
judge that scores their samples. `schema.json` describes the file; `load_spec` reports all mistakes in it.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from expunge.bases.families import Family, families, families_of, family_of
from expunge.bases.roots import LOCAL, PathError, place_of
from expunge.bases.single_name import file_problem
from expunge.core.digest import canonical
from expunge.core.errors import InputError, Problem
from expunge.core.schema import schema_problems, validator_of
from expunge.core.yamlfile import Node, load

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
# {key of the section t2v: the part of the pipeline that lies there by itself}; a key is the part's name but for these
_KEYS = {"motion_adapter": "adapter"}
PARTS = {_KEYS.get(part, part): part for family in families() for part in family.VIDEO_PARTS}
OPEN_CLIP = "open-clip"  # the judge's type where the base's file names none


@dataclass(frozen=True)
class Source:
    """Where weights lie: a local folder, or a hub repository at a revision (None: the lock gives it)."""

    where: str  # "bases/emoji.yaml:5", for errors
    path: Path | None = None
    repo: str | None = None
    revision: str | None = None
    variant: str | None = None
    written: str = ""  # the path as the base's file writes it, without the place of its root
    config: Path | None = None  # for a single-file checkpoint: the folder with the settings and the tokenizer
    sha256: str | None = None  # of a single-file checkpoint; None: the first run records it in the lock
    config_written: str = ""  # as `written`

    @property
    def single(self) -> bool:
        """Is it one file with a whole model, a checkpoint of the original layout?"""
        return self.config is not None


@dataclass(frozen=True)
class Pipeline:
    """One pipeline of a base: its diffusers class, where its parts lie, and the settings of its sampler."""

    pipeline: str
    source: Source | None  # None: all parts except those of `parts` come from the T2I pipeline
    parts: dict[str, Source]  # {part of the T2V pipeline: where it lies by itself}
    scheduler: str | None  # class name; None: the one that the pipeline was saved with
    scheduler_options: dict[str, Any]
    steps: int
    guidance: float
    batch: int  # samples drawn at once
    width: int  # pixels
    height: int  # pixels
    scheduler_where: str = ""  # "bases/emoji.yaml:14", for errors
    options_where: dict[str, str] = field(default_factory=dict)  # {scheduler option: its place}, for errors


@dataclass(frozen=True)
class Addition:
    """A LoRA or a textual inversion that is a part of the base: a safetensors file, added when the base is loaded."""

    where: str  # "bases/mine.yaml:12", for errors
    path: Path
    written: str  # the path as the base's file writes it
    scale: float = 1.0  # of a LoRA
    token: str = ""  # of a textual inversion: the word that stands for it in prompts


@dataclass(frozen=True)
class Judge:
    """The judge's settings. `type` names its module in `expunge/judging/judges/`.

    The type open-clip reads the other fields. Other types read what they need from `settings`.
    """

    type: str
    model: Path | None  # an open_clip folder
    pretrained: tuple[str, str] | None  # (open_clip name, tag)
    weights: Source | None  # the hub repository of `pretrained`, where one is named
    vocabulary: Path | None
    motion: Path | None
    settings: dict[str, Any] = field(default_factory=dict)  # the section `judge:` as written in the file
    where: str = ""  # "bases/emoji.yaml:9", for errors


@dataclass(frozen=True)
class Spec:
    """A base's file, checked. No weight has been opened."""

    name: str
    file: Path  # bases/<name>.yaml
    t2i: Pipeline
    t2v: Pipeline
    judge: Judge
    prompts: Path
    frames: int
    fps: int
    dtype: str  # float32 | bfloat16 | float16 | auto
    device: str  # auto | cpu | cuda | cuda:N | mps
    offload: str = "none"  # none | model | layers: bases/offload.py
    storage: str = "auto"  # auto | float32 | bfloat16
    threads: int | None = None  # CPU threads per worker; None: one process, all cores
    clip_skip: int | None = None  # last layers of the text encoder that are not used, as diffusers counts them
    loras: tuple[Addition, ...] = ()
    inversions: tuple[Addition, ...] = ()
    raw: dict[str, Any] = field(repr=False, compare=False, default_factory=dict)
    unwritten: dict[str, Any] | None = field(repr=False, compare=False, default=None)  # see `lock.on_trial`

    @property
    def family(self) -> Family:
        """What is special about the base's kind of models (bases/families)."""
        return family_of(self.t2i.pipeline, self.t2v.pipeline)

    @property
    def lock(self) -> Path:
        """The file that records the revisions of unpinned hub repositories at the first load (see `bases.lock`)."""
        return self.file.with_suffix(".lock.yaml")


def load_spec(name: str, folder: Path | str = "bases") -> Spec:
    """Read and check `folder/name.yaml`. No weight is opened.

    :raises InputError: with every problem at once, each with its line in the file.
    """
    folder = Path(folder)
    if not NAME.fullmatch(name):
        raise InputError([Problem("base", f"{name!r} cannot be the name of a base", f"write one of {_names(folder)}")])
    file = folder / f"{name}.yaml"
    if not file.is_file() or file.name == LOCAL:
        raise InputError([Problem("base", f"there is no {file}", f"write one of {_names(folder)}")])
    tree = load(file)
    problems = [*schema_problems(tree, file.as_posix(), _validator()), *_choices(tree, file)]
    if problems:
        raise InputError(problems)
    reader = _Reader(tree, file, problems)
    spec = reader.spec()
    if spec.name != name:
        what = f"the name {spec.name!r} differs from the file's name"
        problems.append(Problem(reader.at("name"), what, f"write `name: {name}`"))
    if problems:
        raise InputError([*problems, *reader.absent])
    return spec


class _Reader:
    """Makes a Spec from a tree that the schema accepts. Mistakes that it finds are appended to `problems`."""

    def __init__(self, tree: Node, file: Path, problems: list[Problem]) -> None:
        self.tree, self.file, self.folder, self.problems = tree, file, file.parent, problems
        self.raw: dict[str, Any] = tree.value
        self.absent: list[Problem] = []  # paths that lead nowhere: said where the base is refused already

    def at(self, *keys: str) -> str:
        return f"{self.file.as_posix()}:{self.tree.at(keys).line}"

    def spec(self) -> Spec:
        raw = self.raw
        try:
            canonical(raw)
        except ValueError:
            fix = "write a finite one"
            self.problems.append(Problem(self.at(), "holds a number that is not finite (.nan or .inf)", fix))
        return Spec(
            name=raw["name"],
            file=self.file,
            t2i=self.pipeline("t2i", batch=8),
            t2v=self.pipeline("t2v", batch=2),
            judge=self.judge(),
            prompts=self.path(raw["prompts"], "prompts") or self.folder,
            frames=raw["frames"],
            fps=raw["fps"],
            dtype=raw.get("dtype", "auto"),
            device=raw.get("device", "auto"),
            offload=raw.get("offload", "none"),
            storage=raw.get("storage", "auto"),
            threads=raw.get("threads"),
            clip_skip=raw.get("clip_skip"),
            loras=self.additions("loras"),
            inversions=self.additions("inversions"),
            raw=raw,
        )

    def path(self, value: str | None, *keys: str, links: bool = False) -> Path | None:
        """A path that the file names; `links` as in `roots.place_of`."""
        if value is None:
            return None
        try:
            place = place_of(value, self.folder, links)
            if not place.exists():
                self.absent.append(Problem(self.at(*keys), f"there is no {value}", "correct the path"))
            return place
        except PathError as error:
            self.problems.append(Problem(self.at(*keys), error.what, error.fix))
            return self.folder / "nowhere"

    def source(self, entry: Any, *keys: str) -> Source | None:
        if isinstance(entry, str):
            entry = {"path": entry}
        if not entry or not ("path" in entry or "repo" in entry):
            return None
        written = entry.get("path")
        local = self.path(written, *keys, "path", links=True)
        config = self.path(entry.get("config"), *keys, "config", links=True)
        problem = file_problem(written, config is not None, "sha256" in entry, keys == ("t2i",))
        if problem is not None:
            self.problems.append(Problem(self.at(*keys, "path"), *problem))
        return Source(
            self.at(*keys), local, entry.get("repo"), entry.get("revision"), entry.get("variant"), written or "",
            config, entry.get("sha256"), entry.get("config", ""),
        )  # fmt: skip

    def additions(self, key: str) -> tuple[Addition, ...]:
        """The files of `loras` or `inversions`."""
        found = []
        for index, entry in enumerate(self.raw.get(key) or ()):
            where = f"{self.file.as_posix()}:{self.tree.at([key, index]).line}"
            try:
                path = place_of(entry["path"], self.folder, links=True)
            except PathError as error:
                self.problems.append(Problem(where, error.what, error.fix))
                continue
            scale, token = float(entry.get("scale", 1)), entry.get("token", "")
            found.append(Addition(where, path, entry["path"], scale, token))
        return tuple(found)

    def pipeline(self, kind: str, batch: int) -> Pipeline:
        """The section `kind`. Solver, steps, guidance and size come from the whole base where it names none."""
        shared = ("scheduler", "scheduler_options", "steps", "guidance", "resolution")
        entry = {key: self.raw[key] for key in shared if key in self.raw} | self.raw[kind]
        sources = {part: self.source(entry.get(key), kind, key) for key, part in PARTS.items()}
        parts = {part: source for part, source in sources.items() if source is not None}
        whole = self.source(entry, kind)
        if whole is None and (kind == "t2i" or not parts):
            what = f"`{kind}` has neither `path` nor `repo`"
            self.problems.append(Problem(self.at(kind), what, "write `path:`, or `repo:` with `revision:`"))
        options, size = entry.get("scheduler_options") or {}, entry["resolution"]
        width, height = size if isinstance(size, list) else (size, size)
        return Pipeline(
            entry["pipeline"], whole, parts, entry.get("scheduler"), options,
            entry["steps"], float(entry["guidance"]), entry.get("batch", batch),
            width, height, self.at(*self.near(kind, "scheduler")),
            {option: self.at(*self.near(kind, "scheduler_options"), option) for option in options},
        )  # fmt: skip

    def near(self, kind: str, key: str) -> tuple[str, ...]:
        """The path of a setting: within the pipeline's section, else of the whole base."""
        return (kind, key) if key in self.raw[kind] or key not in self.raw else (key,)

    def judge(self) -> Judge:
        entry = self.raw["judge"]
        kind = entry.get("type", OPEN_CLIP)
        pretrained = (entry.get("pretrained") or {}) if kind == OPEN_CLIP else {}
        return Judge(
            kind,
            self.path(entry.get("model"), "judge", "model", links=True),
            (pretrained["name"], pretrained["tag"]) if pretrained else None,
            self.source({k: pretrained[k] for k in ("repo", "revision") if k in pretrained}, "judge", "pretrained"),
            self.path(entry.get("vocabulary"), "judge", "vocabulary"),
            self.path(entry.get("motion"), "judge", "motion", links=True), entry, self.at("judge"),
        )  # fmt: skip


def _names(folder: Path) -> str:
    names = sorted(p.stem for p in folder.glob("*.yaml") if not p.name.endswith(".lock.yaml") and p.name != LOCAL)
    return ", ".join(names) or f"the stem of a file in {folder}/ (there is none)"


def _not_shared(family: Family, video: dict[str, Any], where: str) -> Iterator[Problem]:
    """Parts that a T2V pipeline without a folder of its own neither names nor has from the T2I pipeline. Where it names
    none at all, that has been said."""
    keys = {part: key for key, part in PARTS.items()}
    needed = [part for part in family.MODELS if part not in (*family.OPTIONAL_MODELS, *family.SHARED_PARTS)]
    lacks = [part for part in needed if keys[part] not in video]
    if lacks and not {"path", "repo"} & video.keys() and PARTS.keys() & video.keys():
        ways = " and ".join(f"`{keys[part]}:` with a {family.VIDEO_PARTS[part]}" for part in lacks)
        what = f"`t2v` has no {' and no '.join(lacks)}, and the T2I pipeline's will not do"
        yield Problem(where, what, f"write {ways}, or `path:` with a whole pipeline")


@cache
def _validator() -> Any:
    return validator_of(json.loads(Path(__file__).with_name("schema.json").read_text("utf-8")))


def _choices(tree: Node, file: Path) -> Iterator[Problem]:
    """Mistakes that the schema does not find: two exclusive keys, neither of them, `repo` without `revision`, pipelines
    of two families, or a part that the family's T2V pipeline does not have."""

    def at(*keys: str) -> tuple[Any, str]:
        value = tree.value
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value if isinstance(value, dict) else None, f"{file.as_posix()}:{tree.at(keys).line}"

    video, where = at("t2v")
    picture, place = at("t2i")
    shares = families_of((picture or {}).get("pipeline", ""))
    if picture is not None and "pipeline" in picture and not shares:
        what = f"`t2i` is a {picture['pipeline']}, which belongs to no family of models that is known"
        known = dict.fromkeys(name for each in families() for name in each.T2I)
        yield Problem(place, what, f"write one of {', '.join(known)}")
    if video is not None and shares:
        family = next((each for each in shares if video.get("pipeline") in each.T2V), shares[0])
        if "pipeline" in video and video["pipeline"] not in family.T2V:
            what = f"`t2v` is a {video['pipeline']}, which does not share the text encoder of {family.NAME}"
            yield Problem(where, what, f"write {' or '.join(name for each in shares for name in each.T2V)}")
        yield from _not_shared(family, video, where)
        for key in PARTS:
            if key in video and PARTS[key] not in family.VIDEO_PARTS:
                own = [each for each, part in PARTS.items() if part in family.VIDEO_PARTS]
                what = f"`t2v.{key}` is no part of a video model of {family.NAME}"
                yield Problem(at("t2v", key)[1], what, f"write `{'` or `'.join(own)}`")
    # (section, key, key that excludes it, is one of the two required?)
    sections: list[tuple[tuple[str, ...], str, str, bool]] = [
        (("t2i",), "path", "repo", False),
        (("t2v",), "path", "repo", False),
    ]
    sections += [(("t2v", key), "path", "repo", True) for key in PARTS]
    if (at("judge")[0] or {}).get("type", OPEN_CLIP) == OPEN_CLIP:
        sections.append((("judge",), "model", "pretrained", True))
    for keys, one, other, needed in sections:
        section, where = at(*keys)
        label = ".".join(keys)
        if section is not None and one in section and other in section:
            yield Problem(where, f"`{label}` has both `{one}` and `{other}`", "keep one of them")
        elif section is not None and needed and one not in section and other not in section:
            yield Problem(where, f"`{label}` has neither `{one}` nor `{other}`", "write one of them")
    whole = at()[0] or {}
    away, device = whole.get("offload", "none"), whole.get("device", "auto")
    if away != "none" and device in ("cpu", "mps"):
        what = f"`offload: {away}` does nothing on the device {device}, which has no memory of its own"
        yield Problem(f"{file.as_posix()}:{tree.at(['offload']).line}", what, "leave it out, or write `device: auto`")
    for keys in (("t2i",), ("t2v",), *(("t2v", key) for key in PARTS), ("judge", "pretrained")):
        section, where = at(*keys)
        if section is not None and "repo" in section and "revision" not in section:
            fix = "write `revision:` with the 40-digit commit, or with null: then the first load records it"
            yield Problem(where, f"`{'.'.join(keys)}` has a `repo` without a `revision`", fix)
