"""What the verdict on an encoder speaks of, as a digest: its concepts as its lists write them, method and parameters.

    asked_for(lists, params.unlearn, params.releases, params.seed)      {"list/encoder": digest}

The stage plan writes these digests beside the plan, the stage verdict copies them into metrics/verdicts.json, and
`expunge gate` computes them anew from the lists: a verdict on what is no longer asked is none. Who asked for a concept,
whether it is confidential and its gates are left out, as are comments and layout. The base has a digest of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from expunge.bases.base_digest import base_parts
from expunge.bases.spec import Spec
from expunge.concepts.concept import ConceptList
from expunge.concepts.confidential import OPEN, Veil
from expunge.core.digest import digest
from expunge.core.errors import InputError, Problem
from expunge.core.files import BROKEN_JSON
from expunge.core.unit_names import Name
from expunge.plan.contract import public
from expunge.plan.jobs import jobs_of
from expunge.plan.release_params import ReleaseParams, known_concepts
from expunge.plan.releases import release_jobs


@dataclass(frozen=True)
class AskedFor:
    """build/plan/asked.json."""

    encoders: dict[str, str] = field(default_factory=dict)  # by "list/encoder"
    base: str = ""  # digest of the base's own parts


def asked_for(
    lists: Sequence[ConceptList],
    unlearn: Mapping[str, Any],
    releases: Mapping[str, ReleaseParams],
    seed: int,
    veil: Veil = OPEN,
) -> dict[str, str]:
    """{"list/encoder": digest} of all encoders of the lists, and of the releases.

    :param unlearn: the section of params.yaml. :param veil: over the lists: digests of their words are salted.
    """
    entries = {str(Name(each.id, c.id)): asdict(public(c)) for each in lists for c in each.concepts}
    keep = {each.id: each.keep for each in lists}
    jobs = {name: job for each in lists for name, job in jobs_of(each, unlearn).items()}
    jobs |= release_jobs(releases, unlearn, known_concepts(lists)) if lists else {}
    return {
        name: digest(
            veil.closed(
                {
                    "concepts": {concept: entries[concept] for concept in job.concepts},
                    "keep": {list_: keep[list_] for list_ in sorted({Name.parse(c).list for c in job.concepts})},
                    "method": job.method,
                    "parameters": job.parameters,
                    "seed": seed,
                }
            )
        )
        for name, job in jobs.items()
    }


def digest_of_base(spec: Spec) -> str:
    """Digest of what a base is on every machine: of its files and settings, and not of device, dtype and versions.

    :raises InputError: as `base_parts`.
    """
    machine = {"device", "dtype", "versions"}
    parts = base_parts(replace(spec, device="cpu", dtype="float32"))  # `auto` would import torch
    return digest({key: value for key, value in parts.items() if key not in machine})


def read_asked(file: Path) -> AskedFor:
    """:raises InputError: the file is missing or has another form."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=AskedFor)
    except (OSError, *BROKEN_JSON) as error:
        raise InputError([Problem(file.as_posix(), f"cannot be read ({error})", "run `dvc repro plan`")]) from None
