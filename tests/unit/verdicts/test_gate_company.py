"""Gates on the group beside: of which concepts they ask, and which samples may be missing."""

from collections.abc import Sequence
from typing import Any

from expunge.concepts.concept import Concept
from expunge.plan.contract import Plan
from expunge.verdicts.gate import verdicts
from expunge.verdicts.verdict_file import Verdict
from tests.support.made_plan import made_concept as entry
from tests.support.made_plan import made_plan, made_sample
from tests.support.made_rates import rate


def plan(concepts: dict[str, Concept], encoders: dict[str, Sequence[str]], **more: Any) -> Plan:
    """Of one list, l."""
    named = {f"l/{name}": [f"l/{c}" for c in members] for name, members in encoders.items()}
    return made_plan({f"l/{c}": concept for c, concept in concepts.items()}, named, **more)


def said(found: dict[str, Verdict], encoder: str = "l/a") -> tuple[str, list[str]]:
    """The verdict, and the metrics that do not pass."""
    verdict = found[encoder]
    return verdict.verdict, [reason.metric for reason in verdict.reasons if reason.verdict != "pass"]


def test_company_is_asked_only_of_what_can_have_it() -> None:
    gate = {"image": {"target": "<= 0.05", "beside": ">= 0.5 of before", "beside_target": "<= 0.05"}}
    gone = [rate("target", 0.0)]
    for alone in (entry(kind="style"), entry(parts=("a cup", "a pot"))):
        assert said(verdicts(plan({"a": alone}, {"a": ["a"]}), gate, gone)) == ("pass", [])
    one = plan({"a": entry()}, {"a": ["a"]})
    assert said(verdicts(one, gate, gone)) == ("not measured", ["beside", "beside_target"])
    both = [*gone, rate("beside", 0.5), rate("beside_target", 0.5)]
    assert said(verdicts(one, gate, both)) == ("fail", ["beside_target"])
    drawn = [made_sample(group) for group in ("target", "beside")]
    joint = plan({"a": entry(), "b": entry()}, {"j": ["a", "b"]}, samples={"l/a": drawn, "l/b": drawn},
                 left_out={"l/j": {"l/a": [1]}})  # fmt: skip
    own = [rate("target", 0.0, encoder="j", concept=c) for c in "ab"]
    own += [rate(metric, 0.0, encoder="j", concept="b", before=0.0) for metric in ("beside", "beside_target")]
    assert said(verdicts(joint, gate, own), "l/j") == ("pass", [])
