"""The catalogue: that each metric is whole, that it says what committed files say, and that one file adds one."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from docs.generated import generated
from expunge.attacks import ATTACKS
from expunge.concepts.samples import Asks, PlannedSample
from expunge.judging.samples import Sample
from expunge.metrics import catalogue
from expunge.metrics.catalogue import METRICS, direction, formulas, measures, metrics_of
from expunge.metrics.metric import ALL, THEMES
from expunge.metrics.sample_choices import OVER
from expunge.metrics.thresholds import Threshold, misfit
from tests.support.paths import ROOT


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_whole(name: str) -> None:
    metric = METRICS[name]
    assert metric.title and metric.text.endswith(".") and metric.theme in THEMES and set(metric.modalities) <= set(ALL)
    assert bool(metric.says) == metric.gateable
    samples = metric.aggregate in ("share", "one minus share", "worst share", "kept share", "worst mean", "mean")
    assert samples == bool(metric.over) and (not metric.over or metric.over in OVER)
    assert bool(metric.parts) == (metric.aggregate == "harmonic") and not (metric.measure and metric.of)
    assert samples == bool(metric.measure or metric.of)
    for part in metric.parts:
        assert METRICS[part.removeprefix("1 - ")].aggregate in ("share", "one minus share")


def test_metrics_stand_in_the_order_of_their_themes() -> None:
    themes = [metric.theme for metric in METRICS.values()]
    assert list(dict.fromkeys(themes)) == list(THEMES)
    assert list(METRICS)[:5] == ["target", "aliases", "probes", "beside_target", "worst_member"]


def test_attacks_come_from_their_registry() -> None:
    attacks = [name.removeprefix("asr:") for name in METRICS if name.startswith("asr:")]
    assert attacks == ["all", *ATTACKS, "replay"] and "asr:all" not in metrics_of("image")


def test_every_threshold_points_the_way_of_its_metric() -> None:
    for modality in ALL:
        for name in metrics_of(modality):
            for sign in ("<=", ">="):
                good = misfit(name, Threshold(sign, 0.5)) is None
                assert good == (direction(name) in ("", {"<=": "lower", ">=": "higher"}[sign])), name
    assert direction("of another version") == ""


@pytest.mark.parametrize("file", ["concepts/schema.json", "docs/evaluation.md", "docs/results.md"])
def test_what_is_made_of_the_catalogue_is_up_to_date(file: str) -> None:
    assert (ROOT / file).read_text("utf-8") == generated()[file], "run `uv run python -m docs.generated`"


def test_one_file_adds_a_metric_everywhere(tmp_path: Path) -> None:
    """A copy of the package with a new file knows the metric in gates, their schema, the report and the docs."""
    import shutil

    shutil.copytree(ROOT / "expunge", tmp_path / "expunge", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "expunge/metrics/contrast.py").write_text(
        "from expunge.metrics.metric import SEEN, Metric\n"
        "def contrast(sight):\n"
        "    '''0 to 1: spread of the pixels.'''\n"
        "    return float(sight.sample.pixels.std() / 255)\n"
        "METRICS = {'contrast': Metric(title='Contrast', text='Mean spread of kept pixels.', theme='quality',\n"
        "    says='contrast of kept {}', better='higher', modalities=SEEN, share=False, measure=contrast,\n"
        "    over='kept', aggregate='mean', interval='bootstrap')}\n"
    )
    code = (
        "from expunge.metrics.catalogue import formulas\n"
        "from expunge.metrics.gate_schema import gate_schema\n"
        "from expunge.metrics.markdown import tables\n"
        "from expunge.metrics.thresholds import problems_of\n"
        "from expunge.report.definitions import in_words\n"
        "from expunge.verdicts.tally import rates_of\n"
        "from tests.support.made_plan import made_concept, made_plan\n"
        "assert 'contrast' in gate_schema()['video']['propertyNames']['enum']\n"
        "assert not list(problems_of({'image': {'contrast': '>= 0.5 of before'}}))\n"
        "assert 'spread of kept' in in_words('contrast') and 'contrast' in tables()['quality']\n"
        "assert 'spread of the pixels' in tables()['measures'] and 'contrast' in formulas()\n"
        "row = {'list': 'l', 'encoder': 'a', 'concept': 'a', 'modality': 'image', 'group': 'far', 'prompt': 'p',\n"
        "       'axis': 'subject', 'asked': 'x', 'metric': 'contrast'}\n"
        "rows = [{**row, 'seed': i, 'value': i / 4} for i in range(3)]\n"
        "(rate,) = rates_of(rows, made_plan({'l/a': made_concept()}, {'l/a': ['l/a']}))\n"
        "assert (rate.metric, rate.value, rate.n) == ('contrast', 0.25, 3)\n"
    )
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


def test_two_files_cannot_declare_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = SimpleNamespace(METRICS={"target": METRICS["target"]})
    monkeypatch.setattr(catalogue.importlib, "import_module", lambda name: taken)
    with pytest.raises(ValueError, match="declares target, as another file does"):
        catalogue._declared()


def test_the_catalogue_loads_neither_torch_nor_scipy() -> None:
    code = "import sys, expunge.metrics.thresholds, expunge.verdicts.up_to_date, expunge.verdicts.compare\n"
    code += "print([name for name in ('torch', 'scipy.stats') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def sight(axis: str = "subject", group: str = "target", frames: int = 0, **more: Any) -> Any:
    """A picture, or a video of so many frames, whose features are unit vectors."""
    still = np.zeros((8, 8, 3), np.uint8)
    pixels = np.stack([np.roll(still + 200, i, 0) for i in range(frames)]) if frames else still
    features = np.eye(4)[:frames] if frames else np.eye(4)[0]
    modality = "video" if frames else "image"
    sample = Sample(0, PlannedSample(group, "a cat", 0, modality, Asks(axis, "cat")), pixels)
    usual = {"anchors": (), "original_features": None, "features": features, "sample": sample,
             "judge": SimpleNamespace(templates={}, labels={}, motion=None),
             "text": lambda words: np.eye(4)[0 if "cat" in words else 1]}  # fmt: skip
    return SimpleNamespace(**{**usual, **more})


def measured(look: Any) -> dict[str, float]:
    return {name: value for name, formula in formulas().items() if (value := formula(look)) is not None}


def test_formulas_say_what_cannot_be_had_of_a_sample() -> None:
    assert measures().keys() == formulas().keys() and all(": " in text for text in measures().values())
    assert measured(sight()) == {"clip_score": 2.5, "alignment": 2.5}
    assert measured(sight("motion", "near")) == {"alignment": 2.5}
    assert measured(sight(anchors=("", "a dog")))["clip_accuracy"] == 1.0
    assert "clip_accuracy" not in measured(sight("both", anchors=("a dog",)))
    assert measured(sight(original_features=np.eye(4)[1]))["distance"] == 1.0
    moving = {"consistency", "subject_consistency", "flicker", "dynamic"}
    assert measured(sight(frames=3)).keys() == moving | {"clip_score", "alignment"}
    assert not measured(sight(frames=1)).keys() & moving
