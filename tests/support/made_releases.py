"""Plans of three small lists with releases."""

from pathlib import Path
from typing import Any

from expunge.concepts.concept import Concept, ConceptList, Encoders
from expunge.concepts.prompt_file import FarPrompt, Prompts
from expunge.concepts.samples import Asks
from expunge.core.digest import Fingerprint
from expunge.judging.vocabulary import Label
from expunge.plan.build import make_plan
from expunge.plan.contract import Plan, PlannedBase
from expunge.plan.params import Params
from expunge.plan.release_params import releases_of

THINGS = ("a photo of {}", "{} outdoors", "a picture of {}")
PROMPTS = Prompts(
    fewshot={"object": THINGS[:1], "style": ("a house by {}",)},
    eval={"object": ("{} in the snow", "{} at night", "{} in a wood"), "style": ("a dog by {}", "a cat by {}")},
    far=tuple(FarPrompt(f"a {name} in the sun", Asks("subject", name)) for name in ("cup", "pear")),
    general=("a house", "a pear on a table"),
    anchors={"object": ("a toy",), "style": ("plain",)},
)  # fmt: skip
LABELS = {
    "subject": tuple(Label(name, (name,), kind="thing") for name in ("cup", "owl", "fox", "wolf", "lamp", "pear")),
    "style": (Label("monet", ("monet",)), Label("klimt", ("klimt",))),
}
BASE = PlannedBase("tiny", Fingerprint(), Fingerprint(), "cpu", "float32", 8)
RENDER = {"images": {"target": 4, "near": 2, "far": 2}, "videos": {"target": 1}}
FOX = Concept("fox", "a fox", "object", neighbours=("a wolf",), anchor="a toy")
PEAR = Concept("pear", "a pear", "object", aliases=("a green pear",), neighbours=("a lamp",), anchor="a toy")
MONET = Concept("monet", "monet", "style", neighbours=("klimt",), anchor="plain", method="few-shot")


def listed(id_: str, *concepts: Concept, keep: tuple[str, ...] = ()) -> ConceptList:
    return ConceptList(id_, id_, "o", Encoders(True, {}), concepts, Path(f"{id_}.yaml"), {}, keep)


LISTS = (listed("animals", FOX), listed("fruit", PEAR, keep=("an owl",)), listed("styles", MONET))


def planned(releases: dict[str, Any], lists: tuple[ConceptList, ...] = LISTS) -> Plan:
    """The plan of some lists. :param releases: as in params.yaml."""
    typed = releases_of({"releases": releases})
    unlearn_ = {"method": "distil", "distil": {"steps": 10}}
    params = Params("tiny", 0, {"images": 1, "anchor_images": 1}, unlearn_, RENDER, releases=typed)
    return make_plan(params, lists, PROMPTS, BASE, labels=LABELS)
