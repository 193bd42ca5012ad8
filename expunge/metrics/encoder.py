"""The encoder itself: how far its embeddings and its weights have moved. Nothing is drawn for these."""

from expunge.metrics.metric import TEXT, Better, Metric

WHO = {  # group of prompts: (title, whose embeddings, of whom a verdict speaks in drift, in drift_seen)
    "target": ("the target", "the target prompts'", "the target's embeddings", "the target as the denoiser sees it"),
    "near": ("neighbours", "the neighbours'", "the neighbours' embeddings", "neighbours as the denoiser sees them"),
    "general": (
        "general prompts", "general prompts'", "general embeddings", "general prompts as the denoiser sees them",
    ),
}  # fmt: skip
AS_SEEN = {
    "target": "The same as the denoiser's keys and values see it; 1 is as much as the target's words themselves mean "
    "to it.",
    "near": "The neighbours' drift as the denoiser's keys and values see it; 1 is as much as the target's words mean "
    "to it.",
    "general": "General prompts' drift as the denoiser's keys and values see it; 1 is as much as the target's words "
    "mean to it.",
}


def _drift(group: str, title: str, text: str, says: str) -> Metric:
    """The target is meant to move, the others are not."""
    better: Better = "" if group == "target" else "lower"
    return Metric(
        title=title, text=text, says=f"shift of {says}", theme="text", better=better, modalities=TEXT, share=False,
        top=None, before=False, needs="neighbours" if group == "near" else "",
        range="from 0", good="low" if better else "neither", limits="a hint: a shift need not show in a picture",
    )  # fmt: skip


METRICS = {
    **{
        f"drift:{group}": _drift(
            group, f"Drift of {title}", f"Mean change of {whose} embeddings, relative to their norm.", says
        )
        for group, (title, whose, says, _) in WHO.items()
    },
    **{
        f"drift_seen:{group}": _drift(group, f"Drift of {title}, as seen", AS_SEEN[group], says)
        for group, (title, _, _, says) in WHO.items()
    },
    "nearest_noun": Metric(
        title="Nearest noun",
        text="Share of other words whose embedding is still nearest to their own original one.",
        says="share of other words that are still nearest to themselves",
        theme="text", better="higher", modalities=TEXT, before=False, interval="wilson",
        good="1", limits="only the words of the judge's vocabulary",
    ),
    "weight_change": Metric(
        title="Weight change",
        text="Norm of the change of the encoder's weights over the norm of the weights.",
        says="relative change of the weights",
        theme="text", better="", modalities=TEXT, share=False, top=None, before=False,
        range="from 0", good="neither", limits="small is no proof of harmlessness",
    ),
}  # fmt: skip
