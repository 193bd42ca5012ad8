"""The stage score on a made-up run: the files it writes, the units it reuses, and what follows from them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from expunge.bases.spec import load_spec
from expunge.concepts.confidential import Secret, Veil
from expunge.concepts.samples import Asks, PlannedSample, write_planned
from expunge.core.codes import CODE
from expunge.core.digest import Fingerprint
from expunge.core.index import read_index
from expunge.core.media import write_png, write_strip
from expunge.judging import detectors, table
from expunge.judging.features import read_features
from expunge.judging.judge_digest import judge_parts
from expunge.plan.contract import Plan, PlannedBase, Training
from expunge.plan.sealed import write_sealed
from expunge.verdicts.rates import read_rates, write_rates
from expunge.verdicts.tally import rates_of
from stages import score
from stages.runtime.models import loaded_judge
from stages.runtime.units import Keyed, keyed
from tests.support import tiny
from tests.support.made_index import write_made_index
from tests.support.made_plan import made_concept, made_plan
from tests.support.project import PARAMS, SALT
from tests.support.tiny import write_yaml
from tests.support.tiny_judge import VIT, make_folder, noise

CONCEPTS = {"list/bolt": "bolt", "list/p-17": "mira holt"}
ENCODERS = {"list/bolt": ["list/bolt"], "list/both": ["list/bolt", "list/p-17"]}


def samples_of(concept: str) -> list[PlannedSample]:
    images, videos = {"target": 2, "near": 3, "far": 3}, {"target": 1, "near": 1}
    counts = [(m, g, n) for m, groups in (("image", images), ("video", videos)) for g, n in groups.items()]
    samples = []
    for modality, group, count in counts:
        for seed in range(count):
            name = "teapot" if group == "far" else CONCEPTS[concept]
            prompt = "a teapot" if group == "far" else f"{name} {group} {seed}"
            file = f"{modality}-{group}-{seed}.png"
            samples.append(PlannedSample(group, prompt, seed, modality, Asks("subject", name), file))
    return samples


def draw(folder: Path, samples: list[PlannedSample], shade: int) -> None:
    write_planned(folder / "prompts.json", samples)
    for index, sample in enumerate(samples):
        pixels = np.roll(noise(8, 24, 24), index + shade, axis=1)
        if sample.modality == "video":
            write_strip(folder / sample.file, pixels)
        else:
            write_png(folder / sample.file, pixels[0])


def made() -> Plan:
    spec = load_spec("tiny")
    judge = Fingerprint.of(judge_parts(spec))
    concepts = {
        name: made_concept(name.partition("/")[2], name=word, aliases=(), confidential=word == "mira holt")
        for name, word in CONCEPTS.items()
    }
    training = {"list/bolt": Training((), (), ("a toy",)), "list/p-17": Training((), (), ())}
    base = PlannedBase("tiny", Fingerprint(), judge, "cpu", "float32", 8)
    return replace(made_plan(concepts, ENCODERS), base=base, training=training)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the base tiny with a judge, and a run's plan and renders."""
    monkeypatch.chdir(tmp_path)
    tiny.make_base(tmp_path / "bases", frames=8)
    make_folder(tmp_path / "bases" / "tiny", VIT, motion=True)
    write_yaml(Path("params.yaml"), {**PARAMS, "run": {"executor": "inline"}})
    write_yaml(Path("concepts/private/words.yaml"), {"salt": SALT, "concepts": {"p-17": {"name": "mira holt"}}})
    write_sealed(Path("build/plan/index.json"), made(), Veil(SALT, {"list/p-17": Secret(("mira holt",))}))
    units = [(f"original/{concept}", concept) for concept in CONCEPTS]
    units += [(f"{e}/{c.replace('/', '--')}", c) for e, concepts in ENCODERS.items() for c in concepts]
    for shade, (name, concept) in enumerate(units):
        samples = samples_of(concept)
        draw(tmp_path / "build/renders" / name, samples[1:] if "both" in name else samples, shade)
    write_made_index(Path("build/renders"), {name: {} for name, _ in reversed(units)})
    loaded_judge.cache_clear()
    return tmp_path


def test_score_writes_tables_and_reuses_units(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    score.run()
    assert len(read_index("build/scores").units) == 5 and not Path("metrics").exists()
    rows = table.read_table(Path("build/scores/scores.parquet"))
    assert {row["encoder"] for row in rows} == {"original", "bolt", "both"}
    assert all(CODE.fullmatch(r["prompt"]) for r in rows if r["concept"] == "p-17" and r["group"] != "far")
    assert np.isfinite([row["value"] for row in rows]).all()
    assert {(row["modality"], row["solver"], row["steps"], row["guidance"]) for row in rows} == {
        (modality, "DPMSolverMultistepScheduler", 2, 3.0) for modality in ("image", "video")
    }  # fmt: skip
    assert all("torch" in row["versions"] for row in rows)
    measured = {(row["encoder"], row["concept"], row["metric"]) for row in rows}
    assert ("bolt", "bolt", "distance") in measured and ("original", "bolt", "distance") not in measured
    assert ("bolt", "bolt", "clip_accuracy") in measured and ("both", "p-17", "clip_accuracy") not in measured

    first = Path("build/scores/scores.parquet").read_bytes()
    monkeypatch.setattr(score, "measure", lambda *_, **__: pytest.fail("a unit was measured again"))
    score.run()
    assert Path("build/scores/scores.parquet").read_bytes() == first


def test_what_a_unit_depends_on(repository: Path) -> None:
    plan = made()
    renders = {name: record.key for name, record in read_index("build/renders").units.items()}

    def keys(plan: Plan, renders: dict[str, str]) -> dict[str, str]:
        units = score.units_of(plan, renders, {})
        return {name: entry.key for name, entry in keyed("score", units, "judge", "stages.score").items()}

    first = keys(plan, renders)
    assert [name.startswith("original/") for name in first] == [True] * 2 + [False] * 3  # features are there in time
    again = keys(plan, {**renders, "original/list/bolt": "drawn again"})
    stale = {name for name in first if first[name] != again[name]}
    assert stale == {"original/list/bolt", "list/bolt/list--bolt", "list/both/list--bolt"}
    training = {**plan.training, "list/p-17": Training((), (), ("a woman",))}
    again = keys(replace(plan, training=training), renders)
    assert {name for name in first if first[name] != again[name]} == {"original/list/p-17", "list/both/list--p-17"}


def test_another_version_of_a_detector_measures_its_concept_again(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = made()
    bolt = replace(plan.concepts["list/bolt"], kind="category", members=("x",), judge="nudity")
    plan = replace(plan, concepts={**plan.concepts, "list/bolt": bolt})
    renders = {name: record.key for name, record in read_index("build/renders").units.items()}

    def keys(version: str) -> dict[str, Keyed]:
        monkeypatch.setattr(detectors, "_version", lambda package: version)
        return keyed("score", score.units_of(plan, renders, {}), "judge", "stages.score")

    first, again = keys("1"), keys("2")
    stale = {name for name in first if first[name].key != again[name].key}
    assert stale == {"original/list/bolt", "list/bolt/list--bolt", "list/both/list--bolt"}
    ours = {name for name, each in first.items() if "expunge/judging/detectors/nudity.py" in each.code}
    assert ours == stale


def test_originals_leave_their_features_and_kid_is_in_the_index(repository: Path) -> None:
    score.run()
    features = read_features(Path("build/scores/original/list/bolt/features.safetensors"))
    assert len(features) == 10 and features[0].shape == (16,) and features[9].shape == (8, 16)
    units = read_index("build/scores").units
    assert not Path("build/scores/list/bolt/list--bolt/features.safetensors").exists()
    assert units["original/list/bolt"].facts["KID"] == {} and units["list/bolt/list--bolt"].facts["KID"]["n"] == 6


def test_rates_follow_from_what_the_stage_wrote(repository: Path) -> None:
    score.run()
    plan = made_plan({name: made_concept(name.split("/")[1]) for name in CONCEPTS}, ENCODERS)
    units = read_index("build/scores").units
    rows = table.read_table(Path("build/scores/scores.parquet"))
    rates = rates_of(rows, plan, kid={name: unit.facts["KID"] for name, unit in units.items()})
    found = {(rate.encoder, rate.concept, rate.modality, rate.metric): rate for rate in rates}
    assert {rate.encoder for rate in rates} == {"bolt", "both"}
    assert found["both", "", "image", "near"].n == 6 and found["both", "", "image", "far"].n == 3  # shared by both
    assert found["both", "p-17", "image", "KID"].n == 6 and found["both", "", "image", "KID"].n == 12
    assert found["bolt", "", "image", "distance"].value > 0 and found["bolt", "", "image", "distance"].before is None
    assert found["bolt", "", "video", "dynamic"].before is not None
    write_rates(Path("metrics/rates.csv"), rates)
    assert len(read_rates(Path("metrics/rates.csv"))) == len(rates)
