"""Made-up plans: as much of one as verdicts and reports read."""

from collections.abc import Mapping, Sequence
from typing import Any

from expunge.concepts.concept import Concept
from expunge.concepts.samples import Asks, PlannedSample
from expunge.core.digest import Fingerprint
from expunge.core.unit_names import Name
from expunge.plan.contract import EncoderJob, Plan, PlannedBase, PlannedList, PlannedRelease


def made_concept(id_: str = "a", **more: Any) -> Concept:
    """A character with an alias and a neighbour."""
    usual: dict[str, Any] = {"name": id_, "kind": "character", "aliases": ("x",), "neighbours": ("y",)}
    return Concept(id=id_, **{**usual, **more})


def made_sample(
    group: str, modality: str = "image", prompt: str = "it", seed: int = 0, file: str = ""
) -> PlannedSample:
    """A prompt that asks for a subject."""
    return PlannedSample(group, prompt, seed, modality, Asks("subject", prompt), file)


def made_plan(
    concepts: Mapping[str, Concept],
    encoders: Mapping[str, Sequence[str]],
    *,
    gate: Mapping[str, Any] | None = None,
    titles: Mapping[str, tuple[str, str]] | None = None,
    method: str = "distil",
    left_out: Mapping[str, Mapping[str, Sequence[int]]] | None = None,
    samples: Mapping[str, Sequence[PlannedSample]] | None = None,
    releases: Mapping[str, PlannedRelease] | None = None,
) -> Plan:
    """:param concepts: by "list/id". :param encoders: "list/id" -> the "list/id" of its concepts. :param gate: of every
    list. :param titles: list -> (title, owner). :param left_out: by encoder, as of `EncoderJob`. :param releases: by
    name; their encoders are "releases/name".
    """
    names = [Name.parse(name) for name in (*concepts, *encoders)]
    lists = {
        each: PlannedList(
            *(titles or {}).get(each, (each, "")),
            tuple(name.id for name in map(Name.parse, concepts) if name.list == each),
            tuple(name.id for name in map(Name.parse, encoders) if name.list == each),
            dict(gate or {}),
        )
        for each in sorted({name.list for name in names if not name.is_release})
    }
    jobs = {
        name: EncoderJob(
            tuple(members), method, {}, 0,
            left_out={c: tuple(places) for c, places in (left_out or {}).get(name, {}).items()},
        )
        for name, members in encoders.items()
    }  # fmt: skip
    drawn = {name: tuple(own) for name, own in {**dict.fromkeys(concepts, ()), **(samples or {})}.items()}
    return Plan(
        PlannedBase("emoji", Fingerprint(), Fingerprint(), "cpu", "float32", 8),
        lists,
        dict(concepts),
        jobs,
        {},
        {},
        drawn,
        releases=dict(releases or {}),
    )
