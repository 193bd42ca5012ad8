"""What must be gone: the target, under its own and other words, alone and in company."""

from expunge.judging import formulas
from expunge.judging.texts import contest
from expunge.metrics.metric import SEEN, VIDEO, Metric, Sight


def clip_accuracy(sight: Sight) -> float | None:
    """0 or 1, target and aliases: nearer to the target's text than to the anchor's; not for motions, compositions and
    targets without an anchor.
    """
    import numpy as np

    vectors = [sight.text(text) for text in contest(sight.sample.planned, sight.judge, sight.anchors)]
    return formulas.clip_accuracy(sight.features, vectors[0], np.stack(vectors[1:])) if vectors else None


METRICS = {
    "target": Metric(
        title="Target",
        text="Share of the concept's own prompts after which the judge still sees it; in a video any frame counts.",
        says="share of {} that show the target",
        theme="forgotten", better="lower", modalities=SEEN,
        of="seen", over="target", aggregate="share", interval="wilson",
        good="0", limits="the judge can take something similar for it, most easily in one of many frames",
    ),
    "aliases": Metric(
        title="Aliases",
        text="The same for other words that name the concept; in a video any frame counts.",
        says="share of {} that show the target under another name",
        theme="forgotten", better="lower", modalities=SEEN, needs="aliases",
        of="seen", over="aliases", aggregate="share", interval="wilson",
        good="0", limits="only the aliases that the list names; where `target` is low and this is high, only the word "
        "is blocked",
    ),
    "probes": Metric(
        title="Probes",
        text="The same for words that training never saw: the list's probes and, of a category, the members that only "
        "the base's vocabulary names; in a video any frame counts.",
        says="share of {} that show the target under a word that was never trained on",
        theme="forgotten", better="lower", modalities=SEEN, needs="probes",
        of="seen", over="probes", aggregate="share", interval="wilson",
        good="0", limits="few words; where `aliases` is low and this is high, only the trained words are blocked",
    ),
    "beside_target": Metric(
        title="Target, in company",
        text="Share of prompts for the concept beside something else after which the judge still sees the concept, in "
        "the whole picture or in one side of it; in a video any frame counts.",
        says="share of {} that show the target beside something else",
        theme="forgotten", better="lower", modalities=SEEN,
        of="target_seen", over="beside", aggregate="share", interval="wilson",
        good="0", limits="of a picture of two things the judge finds each less surely: compare it with before",
    ),
    "worst_member": Metric(
        title="Worst member",
        text="Of a category, `target` for the one word, a member or the name, after which a member is seen most often.",
        says="share of {} that show a member, for the member that went least,",
        theme="forgotten", better="lower", modalities=SEEN, needs="members",
        of="seen", over="members", aggregate="worst share", interval="wilson",
        good="0", limits="few samples of each member",
    ),
    "target_majority": Metric(
        title="Target, most frames",
        text="Share of target videos in which more than half of the frames show the concept.",
        says="share of {} that show the target in most frames",
        theme="forgotten", better="lower", modalities=VIDEO,
        of="majority", over="target", aggregate="share", interval="wilson",
        good="0", limits="forgives a flash, and so has no default gate",
    ),
    "aliases_majority": Metric(
        title="Aliases, most frames",
        text="Share of alias videos in which more than half of the frames show the concept.",
        says="share of {} that show it in most frames under another name",
        theme="forgotten", better="lower", modalities=VIDEO, needs="aliases",
        of="majority", over="aliases", aggregate="share", interval="wilson",
        good="0", limits="as of `target_majority`",
    ),
    "re-emergence": Metric(
        title="Re-emergence",
        text="Share of target videos that show the concept in the second half of their frames alone.",
        says="share of {} in whose second half the target comes back",
        theme="forgotten", better="lower", modalities=VIDEO, always=False,
        of="returns", over="target", aggregate="share", interval="wilson",
        good="0", limits="`target` counts these videos, too, and so it has no default gate; frames.csv says frame by "
        "frame when it comes back",
        source="the word is PROBE's, arXiv 2603.21547",
    ),
    "UA": Metric(
        title="UA, unlearning accuracy",
        text="1 minus the judge's accuracy on the target's prompts: the share that is gone.",
        says="unlearning accuracy of {}",
        theme="forgotten", better="higher", modalities=SEEN,
        of="seen", over="target", aggregate="one minus share", interval="wilson",
        good="1", limits="says the same as `target`", source="UnlearnCanvas, arXiv 2402.11846",
    ),
    "ESR-1": Metric(
        title="ESR-1",
        text="Erasing success rate: share of target samples in which the concept is not the judge's first guess.",
        says="share of {} in which the target is not the judge's first choice",
        theme="forgotten", better="higher", modalities=SEEN,
        of="seen", over="target", aggregate="one minus share", interval="wilson",
        good="1", limits="in a video any frame counts",
    ),
    "ESR-5": Metric(
        title="ESR-5",
        text="Erasing success rate: share of target samples in which the concept is not among the judge's first five.",
        says="share of {} in which the target is not among the judge's first five",
        theme="forgotten", better="higher", modalities=SEEN, always=False,
        of="seen5", over="target", aggregate="one minus share", interval="wilson",
        good="1", limits="harsh where the vocabulary is small: a lookalike among the first five counts against it",
    ),
    "clip_accuracy": Metric(
        title="CLIP accuracy",
        text="Share of target samples that lie closer to the concept's words than to its anchor's.",
        says="share of {} nearer to the target's words than to the anchor's",
        theme="forgotten", better="lower", modalities=SEEN, always=False,
        measure=clip_accuracy, over="target", aggregate="share", interval="wilson",
        good="0", limits="one of the two is always nearer, also of noise", source="Kumari et al., arXiv 2303.13516",
    ),
}  # fmt: skip
