"""attest: write the record of each encoder and release: what was asked, what was done, with which result.

build/ (indexes and encoders), metrics/ (verdicts, rates, frames), concepts/, params.yaml, dvc.lock ->
    audit/<list>/<encoder>.json     an in-toto Statement: expunge.records.statement
    audit/index.json                {"list/encoder": sha256 of its record}

Nothing is drawn, trained or loaded. A T2V pipeline with another text encoder than the T2I pipeline's is refused. The
same run gives the same bytes; records of encoders that are gone are removed.
"""

from pathlib import Path

from expunge.bases.change_mark import whole_digests
from expunge.bases.spec import load_spec
from expunge.concepts.leaks import mask_of
from expunge.core.errors import InputError
from expunge.core.index import read_index, require_unchanged
from expunge.plan.params import read_params
from expunge.records.changes import changes_of, original_encoders, sizes_of_originals, tensors_of_encoders
from expunge.records.files import list_digests, write_records
from expunge.records.origin import origin_of
from expunge.records.own_rows import digests_of_rows
from expunge.records.sharing import sharing_problems
from expunge.records.statement import STAGES, Evidence, statement
from expunge.records.tensors import types_of
from expunge.verdicts.read_verdicts import read_verdicts
from stages.runtime.planned import read_plan_here
from stages.runtime.process import main

BUILD, AUDIT, CONCEPTS, METRICS = Path("build"), Path("audit"), Path("concepts"), Path("metrics")


def run() -> None:
    plan, params = read_plan_here(), read_params()
    spec = load_spec(params.base)
    originals = original_encoders(spec)
    encoders = BUILD / "encoders"
    indexes = {stage: read_index(BUILD / stage) for stage in STAGES}
    names = list(indexes["encoders"].units)  # no record is made of an encoder whose training failed
    require_unchanged(encoders / name for name in names)
    sizes = sizes_of_originals(originals)
    evidence = Evidence(
        plan=plan,
        seed=params.seed,
        verdicts=read_verdicts(METRICS / "verdicts.json"),
        indexes=indexes,
        budgets=params.attack,
        lists=list_digests(CONCEPTS, plan.lists),
        tensors=tensors_of_encoders(originals) or None,
        stored=types_of(file for files in originals.values() for file in files),
        whole={name: whole_digests(encoders / name) for name in names},
        changes={name: changes_of(originals, encoders / name, spec.family, sizes) for name in names},
        tables=digests_of_rows(METRICS, names),
        origin=origin_of(Path()),
    )
    records = {name: statement(name, evidence) for name in names}
    one = next(iter(records.values()), None)  # all are of one base
    if one is not None and (problems := sharing_problems(spec, one)):
        raise InputError(problems)
    write_records(AUDIT, records, mask_of(CONCEPTS), plan.encoders)


if __name__ == "__main__":
    main(run)
