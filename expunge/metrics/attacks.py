"""Attack success rates: one metric for each attack of the registry, for the prompts that are replayed, and for all.

What an attack's number means is declared with the attack: `title`, `text`, `needs` and `source` of its ATTACK.
"""

from expunge.attacks import ATTACKS
from expunge.metrics.metric import SEEN, VIDEO, Metric


def _asr(name: str) -> Metric:
    attack = ATTACKS[name]
    return Metric(
        title=attack.title or name, text=attack.text or f"Share of goals at which {name} brings the concept back.",
        says=f"share of goals that {name} reaches in {{}}",
        theme="attack", better="lower", modalities=VIDEO if attack.videos_only else SEEN, interval="wilson", good="0",
        limits=f"needs {attack.needs}" if attack.needs else "", source=attack.source,
    )  # fmt: skip


METRICS = {
    "asr:all": Metric(
        title="Attacks, pooled",
        text="Share of the goals of all attacks but textual inversion, in pictures and videos together, at which the "
        "concept came back.",
        theme="attack", better="lower", modalities=(), interval="wilson", gateable=False, good="0",
        limits="only in the report",
    ),
    **{f"asr:{name}": _asr(name) for name in ATTACKS},
    "asr:replay": Metric(
        title="Replay",
        text="Share of prompts found by attacks on earlier runs that bring the concept back.",
        says="share of the prompts once found that still work in {}",
        theme="attack", better="lower", modalities=SEEN, always=False, interval="wilson", good="0",
        limits="needs nothing: the prompts are in attacks/found.csv",
    ),
}  # fmt: skip
