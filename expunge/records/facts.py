"""What a record says, as the model card and the bills of materials tell it: files, original, libraries, measurements.

    facts = facts_of(read_record(Path("audit/releases/production.json")))
    facts.files, facts.measured

Concepts are named by their ids alone, and no request is told: those who read these files need not know who asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from expunge.bases.families import family_of
from expunge.metrics.catalogue import METRICS
from expunge.metrics.thresholds import Threshold

TASKS = {"image": "text-to-image", "video": "text-to-video", "text": "feature-extraction"}  # the hub's names


@dataclass(frozen=True)
class Measured:
    """One gate and what was measured for it."""

    concept: str  # id; "" for the encoder as a whole
    modality: str
    metric: str
    title: str
    threshold: str  # such as ">= 0.85 of before"
    value: float | None  # None: not measured
    low: float | None  # of the 95 % interval
    high: float | None
    n: int
    before: float | None  # with the original encoder
    passed: bool | None
    required: bool

    @property
    def key(self) -> str:
        return " ".join(filter(None, (self.concept, self.modality, self.metric)))


@dataclass(frozen=True)
class Facts:
    """A record in short."""

    encoder: str  # "list/encoder"
    result: str
    method: str
    parameters: Mapping[str, Any]
    seeds: Mapping[str, int]
    concepts: tuple[str, ...]  # "list/id"
    files: Mapping[str, str]  # of the encoder's folder: sha256
    whole: Mapping[str, str]  # where the change alone is stored: the encoders' files, made whole: sha256
    folder: str  # the folder's digest in the form of OpenSSF model signing
    base: str  # name
    pipeline: str  # of the T2I model: its class in diffusers
    base_digest: str
    pins: Mapping[str, str]  # "owner/name@revision" on the hub by part of the base, such as t2i; none where it is local
    original: Mapping[str, str]  # files of the original text encoder: sha256; none where the base is from the hub
    judge: str  # digest
    lists: Mapping[str, str]  # files of lists: sha256
    libraries: Mapping[str, str]  # name: version, of the machine that wrote the record
    python: str
    commit: str | None
    dirty: bool
    measured: tuple[Measured, ...]
    limits: tuple[str, ...]

    @property
    def weights(self) -> str:
        """sha256 of model.safetensors."""
        return {**self.files, **self.whole}["model.safetensors"]

    @property
    def encoder_class(self) -> str:
        """The text encoder's class in transformers; of several, all."""
        return ", ".join(family_of(self.pipeline).ENCODERS.values())

    @property
    def repository(self) -> str:
        """ "owner/name" of the T2I model on the hub; "" where it is local."""
        return self.pins.get("t2i", "").partition("@")[0]


def facts_of(record: Mapping[str, Any]) -> Facts:
    """:param record: as `read_record` checked it."""
    told = record["predicate"]
    base, origin, own = told["base"], told["origin"], record["subject"][-1]
    parts: Mapping[str, str] = base["parts"].get("files", {})
    pins = {part: pin for part, pin in sorted(parts.items()) if "/" not in part and "@" in pin}
    versions = {name: number for name, number in origin["versions"].items() if number is not None}
    return Facts(
        encoder=told["encoder"], result=told["result"], method=told["method"], parameters=told["parameters"],
        seeds=told["seeds"], concepts=tuple(each["concept"] for each in told["concepts"]),
        files={each["name"].removeprefix(f"{own['name']}/"): each["digest"]["sha256"]
               for each in record["subject"][:-1]},
        whole=told.get("whole", {}), folder=own["digest"]["sha256"], base=base["name"],
        pipeline=base["parts"]["t2i.pipeline"], base_digest=base["digest"], pins=pins,
        original={file: sha256 for file, sha256 in parts.items() if file.startswith("t2i/text_encoder")},
        judge=told["judge"]["digest"], lists={each["name"]: each["digest"]["sha256"] for each in told["configuration"]},
        python=versions.pop("python", ""), libraries=versions,
        commit=origin["git"]["commit"], dirty=bool(origin["git"]["dirty"]),
        measured=tuple(_measured(each) for each in told["evaluations"]), limits=tuple(told["notCovered"]),
    )  # fmt: skip


def package_url(name: str, version: str) -> str:
    """Where a library of `Facts.libraries` comes from, as a package URL; "" of expunge itself, which need not."""
    return "" if name == "expunge" else f"pkg:pypi/{name}@{version}"


def _measured(each: Mapping[str, Any]) -> Measured:
    name = each["metric"]
    low, high = each["interval"]
    threshold = str(Threshold(each["comparator"], each["threshold"], each["ofBefore"]))
    return Measured(
        each["concept"], each["modality"], name, METRICS[name].title if name in METRICS else name, threshold,
        each["value"], low, high, each["n"], each["before"], each["passed"], each["required"],
    )  # fmt: skip
