"""The report of one release, to hand on: its own page, those of its concepts, and the pictures and videos they show.

    write_release_report(Path(), part / "report", record, part / "record.json")

The pages are those of the stage report, made of a plan that holds this release and no other encoder, so they say
nothing of one. A file goes along only where a page shows it and it is, byte for byte, one of the run that the record
speaks of; it lies below media/ as it lies below build/. Nothing leads out of the release.
"""

import html
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, unquote

from expunge.bases.spec import load_spec
from expunge.core.digest import file_digest
from expunge.core.errors import InputError, Problem
from expunge.core.files import write_text
from expunge.core.index import read_index
from expunge.core.unit_names import Name
from expunge.plan.contract import Plan, read_plan
from expunge.plan.params import read_params
from expunge.records.keys import read_trusted
from expunge.records.signing import state_of
from expunge.report import write_sheets, write_site
from expunge.report.read_run import SCORES, read_run

SHOWN = ("fewshot", "renders", "attacks")  # folders of build/ with what pages show
LINK = re.compile(r'(?<=\s)(href|src|data-src)="([^"#]+)"')
FIX = "run `dvc pull`, or `dvc repro`; or release it with --no-report"


def write_release_report(root: Path, out: Path, record: Mapping[str, Any], record_file: Path) -> None:
    """Write the pages into the new folder `out`; index.html is the release's.

    :param root: the repository, with build/ and metrics/. :param record: of the release. :param record_file: where it
        lies beside `out`.
    :raises InputError: something of the run is not here, or is not what the record speaks of.
    """
    build, name = root / "build", record["predicate"]["encoder"]
    missing = [file for file in (build / "plan/index.json", build / SCORES) if not file.is_file()]
    if missing:
        raise InputError(Problem(file.as_posix(), "is not here, and the report needs it", FIX) for file in missing)
    if problems := list(_unlike_the_record(build, record)):
        raise InputError(problems)
    plan = only(read_plan(build / "plan/index.json"), name)
    spec = load_spec(plan.base.name, root / "bases")
    trusted = root / "audit/trusted.yaml"
    run = read_run(
        plan, build, root / "metrics", fps=spec.fps, frames=spec.frames, records={name: record_file},
        signed={name: state_of(root / f"audit/{name}.json", read_trusted(trusted) if trusted.is_file() else [])},
        **read_params(root / "params.yaml").report,
    )  # fmt: skip
    write_sheets(out / "sheets", run)
    write_site(out, run, alone=True)
    for page in sorted(out.rglob("*.html")):
        _bring_media(page, out, build, record)


def only(plan: Plan, name: str) -> Plan:
    """A plan with one encoder, a release, and its lists. All concepts stay in it, since the words of the confidential
    ones are hidden, of whatever list they are.

    :raises InputError: it is not in the plan.
    """
    id_ = Name.parse(name).id
    if name not in plan.encoders or id_ not in plan.releases:
        raise InputError([Problem(name, "is no release of the plan in build/", FIX)])
    release = plan.releases[id_]
    lists = {list_: replace(plan.lists[list_], encoders=()) for list_ in release.lists}
    return replace(plan, lists=lists, encoders={name: plan.encoders[name]}, releases={id_: release})


def _bring_media(page: Path, out: Path, build: Path, record: Mapping[str, Any]) -> None:
    """Copy what a page shows into the release, and let it point there."""

    def linked(match: re.Match[str]) -> str:
        attribute, link = match[1], unquote(html.unescape(match[2]))
        target = Path(os.path.normpath(page.parent / link))
        if link.startswith("data:") or target.is_relative_to(out.parent):
            return match[0]
        own = PurePosixPath(Path(os.path.relpath(target, build)).as_posix())
        units = record["predicate"]["units"].get(own.parts[0], {})
        if not any(PurePosixPath(*own.parts[1:]).is_relative_to(unit) for unit in units):
            raise InputError([Problem(target.as_posix(), "is of no unit that the record names", FIX)])
        copy = out / "media" / own
        if not copy.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(target, copy)
        return f'{attribute}="{quote(Path(os.path.relpath(copy, page.parent)).as_posix())}"'

    text = page.read_text("utf-8")
    write_text(page, LINK.sub(linked, text))


def _unlike_the_record(build: Path, record: Mapping[str, Any]) -> Iterator[Problem]:
    """Units that the record names and that are of another run here, and files of them that were changed."""
    for stage, units in record["predicate"]["units"].items():
        known = read_index(build / stage).units
        for unit, told in units.items():
            if unit not in known or known[unit].key != told["key"]:
                yield Problem((build / stage / unit).as_posix(), "is of another run than the record", FIX)
                continue
            for name, sha256 in known[unit].files.items() if stage in SHOWN else ():
                file = build / stage / unit / name
                if not file.is_file() or file_digest(file) != sha256:
                    yield Problem(file.as_posix(), "is missing, or not what the run wrote", FIX)
