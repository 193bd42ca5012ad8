"""The section `releases` of params.yaml: which lists each release forgets, checked against the lists that there are.

releases:
  production: {lists: all}
  children: {lists: [objects, food], without: [objects/football]}

problems = release_problems(tree, "params.yaml", {"objects": ["fire-engine", "football"], "food": ["food"]})
members = members_of(releases_of(tree.value)["children"], known)          ("objects/fire-engine", "food/food")
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from expunge.concepts.concept import ConceptList
from expunge.concepts.leaks import mask_of
from expunge.concepts.source import concept_nodes, list_files, read_source
from expunge.core.errors import InputError, Problem
from expunge.core.schema import did_you_mean, short
from expunge.core.unit_names import Name
from expunge.core.yamlfile import Node, load
from expunge.metrics.thresholds import problems_of

Known = Mapping[str, Sequence[str]]  # the ids of the concepts of each list


@dataclass(frozen=True)
class ReleaseParams:
    """One release as it is written; None: as everywhere else."""

    lists: tuple[str, ...] | None  # None: all
    without: tuple[str, ...] = ()  # "list/concept"
    method: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    render: dict[str, dict[str, int]] | None = None
    general: dict[str, int] | None = None  # None: each thing once, as an image
    attack: dict[str, Any] | None = None
    attacked: int | None = None  # concepts; None: all
    gate: dict[str, Any] = field(default_factory=dict)


def releases_of(params: Mapping[str, Any]) -> dict[str, ReleaseParams]:
    """The releases of a params.yaml, by name. :raises InputError: one has another form than its schema says."""
    releases, problems = {}, list[Problem]()
    section = params.get("releases") or {}
    for name, raw in section.items() if isinstance(section, dict) else ():
        try:
            own = {key: value for key, value in raw.items() if value is not None}
            lists = None if own["lists"] == "all" else own["lists"]
            releases[name] = msgspec.convert({**own, "lists": lists}, ReleaseParams)
            problems += problems_of(releases[name].gate, f"params.yaml: releases.{name}.gate")
        except (AttributeError, KeyError, msgspec.ValidationError):
            fix = "write `{lists: all}`; `expunge validate` says more"
            problems.append(Problem(f"params.yaml: releases.{name}", "is no release", fix))
    if problems:
        raise InputError(problems)
    return releases


def members_of(release: ReleaseParams, known: Known) -> tuple[str, ...]:
    """The concepts of a release, "list/id", in the order of its lists."""
    lists = known if release.lists is None else [each for each in release.lists if each in known]
    names = (str(Name(each, id_)) for each in lists for id_ in known[each])
    return tuple(name for name in names if name not in release.without)


def known_concepts(lists: Sequence[ConceptList]) -> dict[str, tuple[str, ...]]:
    return {each.id: tuple(concept.id for concept in each.concepts) for each in lists}


def problems_of_releases(file: Path, lists: Path) -> list[Problem]:
    """What is wrong with the releases of a params.yaml that can be read. :param lists: the folder of lists."""
    tree = load(file)
    releases = tree.value.get("releases") if isinstance(tree.value, dict) else None
    found, without = (
        release_problems(tree, file.as_posix(), written_concepts(lists)) if releases else [],
        mask_of(lists),
    )
    return [replace(each, what=without(each.what), fix=without(each.fix)) for each in found]


def require_releases(file: Path, lists: Path) -> None:
    """:raises InputError: what `problems_of_releases` tells."""
    if problems := problems_of_releases(file, lists):
        raise InputError(problems)


def written_concepts(folder: Path) -> dict[str, tuple[str, ...]]:
    """As `known_concepts`, of files that may have mistakes; {} where one cannot be read at all, which others tell."""
    sources = [read_source(file)[0] for file in list_files(folder)[0]]
    if None in sources:
        return {}
    return {
        source.id: tuple(
            id_ for node in concept_nodes([source]) if isinstance(id_ := node.node.value.get("id"), str)
        )
        for source in sources
        if source is not None
    }  # fmt: skip


def release_problems(tree: Node, where: str, known: Known) -> list[Problem]:
    """What is wrong with the releases of a params.yaml, given the lists. The schema tells of values of a wrong form.

    :param tree: of the whole file. :param where: what the file is called. :param known: {}: they are not known.
    """
    releases = tree.value.get("releases") if isinstance(tree.value, dict) else None
    found: list[Problem] = []
    for name, raw in releases.items() if isinstance(releases, dict) else ():
        if isinstance(raw, dict) and known:
            found += _problems(tree.at(["releases", name]), name, where, known)
    return found


def _problems(node: Node, name: str, where: str, known: Known) -> Iterator[Problem]:
    raw, wrong = node.value, False
    named = raw["lists"] if isinstance(raw.get("lists"), list) else list(known) if raw.get("lists") == "all" else []
    without = raw["without"] if isinstance(raw.get("without"), list) else []

    def at(*path: str | int) -> str:
        return f"{where}:{node.at(path).line}"

    for i, each in enumerate(named):
        if isinstance(each, str) and each not in known:
            wrong = True
            yield Problem(at("lists", i), f"{name}: there is no list {short(each)}", did_you_mean(each, list(known)))
    own = [str(Name(each, id_)) for each in named if each in known for id_ in known[each]]
    every = [str(Name(each, id_)) for each, ids in known.items() for id_ in ids]
    for i, each in enumerate(without):
        if not isinstance(each, str) or each.count("/") != 1 or each in own:
            continue
        wrong = True
        if each in every:
            what = f"{name} is without {each}, and {short(each.split('/')[0])} is none of its lists"
            yield Problem(at("without", i), what, "take it out, or write the list in `lists`")
        else:
            fix = did_you_mean(each, own or every)
            yield Problem(at("without", i), f"{name} is without {short(each)}, which is on no list", fix)
    if not wrong and named and not set(own) - {each for each in without if isinstance(each, str)}:
        yield Problem(f"{where}:{node.line}", f"the release {name} forgets nothing", "take something out of `without`")
