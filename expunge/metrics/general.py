"""The general set: what a release leaves of everything that the base can draw and the release does not name."""

from expunge.metrics.metric import SEEN, Metric

METRICS = {
    "general": Metric(
        title="General set",
        text="Share of the general set, which is all of the base's things that the release does not name, after which "
        "the judge still sees what was asked for; in a video in more than half of the frames.",
        says="share of {} of the base's other things that show what was asked",
        theme="kept", better="higher", modalities=SEEN, of_releases=True,
        of="seen", over="general", aggregate="share", interval="wilson",
        good="as before", limits="one or a few samples of each thing, and only things that the judge can tell apart",
    ),
    "general_kept": Metric(
        title="General set, kept",
        text="Of those samples of the general set in which the original encoder shows what was asked for, the share in "
        "which the release shows it, too.",
        says="share of the {} of other things that the original shows and the release shows, too,",
        theme="kept", better="higher", modalities=SEEN, before=False, of_releases=True,
        of="seen", over="general", aggregate="kept share", interval="wilson",
        good="1", limits="the judge's own errors count as losses, and what is gained does not count",
    ),
    "general_worst": Metric(
        title="General set, worst thing",
        text="The judge's mean confidence in the one thing of the general set that lost most of it, which is named.",
        says="confidence in the thing that lost most in {}",
        theme="kept", better="higher", modalities=SEEN, of_releases=True,
        of="confidence", over="general", aggregate="worst mean",
        good="as before", limits="the worst of many: one unlucky noise can be all of it, so look at its picture",
    ),
    "general_alignment": Metric(
        title="General set, alignment",
        text="CLIP score of the general set's samples and their own prompts.",
        says="alignment of {} of the base's other things with their prompts",
        theme="quality", better="higher", modalities=SEEN, share=False, top=2.5, of_releases=True,
        of="alignment", over="general", aggregate="mean", interval="bootstrap",
        range="0 to 2.5", good="as before", limits="as of `alignment`",
    ),
    "general_KID": Metric(
        title="General set, KID",
        text="Kernel distance between the general set's pictures and the original encoder's, on the judge's features.",
        says="kernel distance of {} of the base's other things to the original encoder's",
        theme="kept", better="lower", modalities=("image",), share=False, top=None, before=False, of_releases=True,
        range="0 for equal pictures, can be negative", good="low", limits="as of `KID`",
    ),
}  # fmt: skip
