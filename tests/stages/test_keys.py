"""Keys follow what is read: what changes in a list, in params.yaml or in a base redoes what depends on it, no more."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from expunge.attacks.replayed import read_kept
from expunge.bases.spec import load_spec
from expunge.concepts.prompt_file import read_prompts
from expunge.plan.params import read_params
from stages import attack, fewshot, plan, render, unlearn
from stages.runtime.key_parts import differences
from stages.runtime.planned import read_opened_here, read_plan_here
from stages.runtime.units import keyed
from tests.support.project import ONE, PARAMS, TWO, make_project, write_list
from tests.support.tiny import write_yaml


@pytest.fixture(autouse=True)
def here(tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_project(tiny_folder)


def keys() -> dict[str, str]:
    """Keys of every unit but those of score and drift, as the stages would make them now. No model is loaded."""
    plan.run()
    planned, veil = read_opened_here()
    models, seen = planned.base.models.digest, dict[str, dict[str, str]]()

    def key(stage: str, units: dict[str, Any]) -> dict[str, str]:
        made = keyed(stage, units, models, f"stages.{stage}", veil=veil)
        seen[stage] = {name: entry.key for name, entry in made.items()}
        return seen[stage]

    key("fewshot", fewshot.units_of(planned))
    key("unlearn", unlearn.units_of(planned, seen["fewshot"]))
    key("render", render.units_of(planned, seen["unlearn"]))
    params, prompts = read_params(), read_prompts(load_spec("tiny").prompts)
    upstream = {**seen["unlearn"], **seen["render"]}
    key(
        "attack",
        attack.units_of(
            planned, prompts, params.attack, read_kept(attack.KEPT), upstream, "expunge.judging.judges.open_clip"
        ),
    )
    return {f"{stage} {name}": value for stage, units in seen.items() for name, value in units.items()}


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> dict[str, str]:
    """The keys of the project that every test here begins with."""
    with contextlib.chdir(tmp_path_factory.mktemp("before")):
        make_project(tiny_folder)
        return keys()


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before | after if before.get(name) != after.get(name)}


ONE_S = {"render original/list/one", "render list/one/list--one", "render list/both/list--one", "unlearn list/one"}
JOINT = {"unlearn list/both", "render list/both/list--one", "render list/both/list--two"}
CHANGES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "aliases": ({"aliases": ["rob"]}, ONE_S | JOINT),
    "name": ({"name": "volt"}, ONE_S | JOINT | {"fewshot list/one"}),
    "anchor": ({"anchor": "a toy"}, {"unlearn list/one", "render list/one/list--one"} | JOINT),
    "request": ({"request": {"id": "R", "received": "2026-01-31", "basis": "b", "decision": "d"}}, set()),
    "confidential": ({"confidential": True}, ONE_S | JOINT | {"fewshot list/one"}),  # whose parts and files hold words
    "probes": ({"probes": ["rob"]}, {"unlearn list/one", "render list/one/list--one"} | JOINT),
    "parameters": ({"parameters": {"steps": 3}}, {"unlearn list/one", "render list/one/list--one"}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_redoes_what_reads_it(change: str, before: dict[str, str]) -> None:
    fields, expected = CHANGES[change]
    write_list({**ONE, **fields}, TWO)
    names = changed(before, keys())
    attacks = {name for name in names if name.startswith("attack")}
    assert names - attacks == expected
    encoders = [name.removeprefix("unlearn ") for name in expected if name.startswith("unlearn")]
    assert attacks == {f"attack {encoder}/{attack}" for encoder in encoders for attack in ("words", "seeds")}


def test_what_the_list_keeps_changes_its_encoders_and_why_says_which_phrase(before: dict[str, str]) -> None:
    def parts() -> dict[str, Any]:
        plan.run()
        planned = read_plan_here()
        upstream = dict.fromkeys(fewshot.units_of(planned), "key")
        return keyed("unlearn", unlearn.units_of(planned, upstream), "", "stages.unlearn")["list/both"].flat_parts

    file, old = Path("concepts/list.yaml"), parts()
    file.write_text(f"{file.read_text()}keep: [a bus, an owl]\n")
    names = {f"{stage} list/{encoder}" for stage in ("unlearn",) for encoder in ("one", "two", "both")}
    assert {name for name in changed(before, keys()) if name.startswith(("unlearn", "fewshot"))} == names
    assert not any(name.startswith("render original") for name in changed(before, keys()))  # no near sample is drawn
    told = differences(old, parts())
    assert "keep[0]: 'a bus' is new" in told and "keep[1]: 'an owl' is new" in told
    assert any("a photo of an owl" in reason for reason in told if reason.startswith("kept"))


def test_a_kept_prompt_is_replayed_on_the_encoders_of_its_concept(before: dict[str, str]) -> None:
    row = "list/one,words,image,a picture of rob,7\n"
    attack.KEPT.write_text(attack.KEPT.read_text() + row)
    assert changed(before, keys()) == {"attack list/one/replay", "attack list/both/replay"}


def test_comments_order_and_other_lists_change_no_key(before: dict[str, str]) -> None:
    file = Path("concepts/list.yaml")
    file.write_text("# a comment\n\n" + file.read_text())
    write_yaml(
        Path("concepts/other.yaml"), {"title": "T", "owner": "O", "concepts": [{**TWO, "id": "x", "name": "fox"}]}
    )
    after = keys()
    assert {name for name in changed(before, after) if "other" not in name} == set()


@pytest.mark.parametrize(
    ("path", "value", "stages"),
    [
        ("seed", 1, {"fewshot", "unlearn", "render", "attack"}),
        ("fewshot.images", 3, {"fewshot", "unlearn", "render", "attack"}),
        ("unlearn.few-shot", {"steps": 4}, {"unlearn", "render", "attack"}),
        ("render.videos", {}, {"render", "attack"}),
        ("run", {"executor": "processes", "workers": 2}, set()),
        ("gate", {"image": {"target": "<= 0.5"}}, set()),
        ("report", {"samples": 1}, set()),
    ],
)
def test_parameters_change_the_keys_of_their_stages(
    path: str, value: Any, stages: set[str], before: dict[str, str]
) -> None:
    params = json.loads(json.dumps(PARAMS))
    *outer, last = path.split(".")
    (params[outer[0]] if outer else params)[last] = value
    write_yaml(Path("params.yaml"), params)
    assert {name.split(" ")[0] for name in changed(before, keys())} == stages


def test_another_budget_redoes_that_attack_alone(before: dict[str, str]) -> None:
    write_yaml(Path("params.yaml"), {**PARAMS, "attack": {**PARAMS["attack"], "words": {"images": 2, "videos": 0}}})
    names = changed(before, keys())
    assert names == {f"attack list/{encoder}/words" for encoder in ("one", "two", "both")}
    write_yaml(Path("params.yaml"), {**PARAMS, "attack": {**PARAMS["attack"], "mixture": {"images": 1}}})
    assert changed(before, keys()) == {f"attack list/{encoder}/mixture" for encoder in ("one", "two", "both")}


def test_a_joint_encoder_that_loses_a_concept_is_another(before: dict[str, str]) -> None:
    file = Path("concepts/list.yaml")
    raw = YAML(typ="safe").load(file.read_text())
    write_yaml(file, {**raw, "encoders": {"single": True, "joint": {"both": ["one"]}}})
    attacks = {f"attack list/both/{attack}" for attack in ("words", "seeds")}
    assert changed(before, keys()) == JOINT | attacks


def test_weights_change_every_key_and_prose_none(before: dict[str, str]) -> None:
    Path("bases/tiny/t2i/README.md").write_text("# hello")
    assert not changed(before, keys())
    weights = Path("bases/tiny/t2i/vae/diffusion_pytorch_model.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert changed(before, keys()) == before.keys()
