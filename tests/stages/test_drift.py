"""The stage drift: the file that it writes for each encoder, and the encoders that it reuses."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from expunge.bases.base import store_edit
from expunge.bases.edits import Edit
from expunge.concepts.concept import Concept
from expunge.core.digest import folder_files
from expunge.core.index import Index, UnitRecord, read_index, write_index
from expunge.plan.contract import PlannedBase, Training, write_plan
from tests.support.made_plan import made_plan
from tests.support.project import PARAMS
from tests.support.tiny import write_yaml

CONCEPTS = {
    "l/bolt": Concept("bolt", "bolt", "character", neighbours=("a zorb",)),
    "l/spin": Concept("spin", "spinning", "motion", neighbours=("sliding",)),
}
ENCODERS = {"l/bolt": ["l/bolt"], "l/both": ["l/bolt", "l/spin"]}


def test_the_stage_writes_a_unit_for_each_encoder(
    tiny_folder: Path, tiny_base: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stages import drift as stage

    monkeypatch.chdir(tmp_path)
    (tmp_path / "bases").symlink_to(tiny_folder)
    write_yaml(Path("params.yaml"), PARAMS)
    base = replace(made_plan(CONCEPTS, ENCODERS).base, name="tiny")
    assert isinstance(base, PlannedBase)
    training = {name: Training((concept.name,), (), ()) for name, concept in CONCEPTS.items()}
    write_plan(Path("build/plan/index.json"), replace(made_plan(CONCEPTS, ENCODERS), base=base, training=training))
    for name in ENCODERS:
        store_edit(tiny_base, tmp_path / "build/encoders" / name, Edit(tiny_base.encoder))
    records = {name: UnitRecord(name, {}, folder_files(tmp_path / "build/encoders" / name)) for name in ENCODERS}
    write_index(Path("build/encoders"), Index("unlearn", records))
    stage.run()
    moved = {name: json.loads((Path("build/drift") / name / "drift.json").read_text()) for name in ENCODERS}
    assert set(moved["l/both"]["concepts"]) == {"l/bolt", "l/spin"}
    assert moved["l/bolt"]["encoder"]["target"]["plain"] == pytest.approx(0, abs=1e-3)  # float16 on disk
    assert np.isfinite(moved["l/both"]["encoder"]["general"]["seen"])
    assert len({unit.key for unit in read_index("build/drift").units.values()}) == 2

    write_index(
        Path("build/encoders"), Index("unlearn", records | {"l/both": replace(records["l/both"], key="trained again")})
    )
    computed: list[Any] = []
    monkeypatch.setattr("expunge.judging.drift.measure_drift", lambda *some: computed.append(some) or {})
    stage.run()
    assert len(computed) == 1  # the other one is reused
