"""What must stay: near, far and the other sense of a word."""

from expunge.judging import formulas
from expunge.metrics.metric import SEEN, Metric, Sight


def distance(sight: Sight) -> float | None:
    """0 to 2: 1 - cosine to what the original encoder draws from the same prompt and seed; not for the original."""
    if sight.original_features is None:
        return None
    return formulas.distance(sight.features, sight.original_features)


METRICS = {
    "near": Metric(
        title="Near",
        text="Share of neighbouring concepts' prompts after which the judge still sees the neighbour; in a video more "
        "than half of the frames must show it.",
        says="share of {} that show the neighbour asked for",
        theme="kept", better="higher", modalities=SEEN, needs="neighbours",
        of="seen", over="near", aggregate="share", interval="wilson",
        good="as before", limits="only the neighbours that the list names; choose the hardest",
    ),
    "far": Metric(
        title="Far",
        text="Share of unrelated prompts after which the judge still sees what was asked for; in a video in more than "
        "half of the frames.",
        says="share of {} that show the far thing asked for",
        theme="kept", better="higher", modalities=SEEN, of_motions=True,
        of="seen", over="far", aggregate="share", interval="wilson",
        good="as before", limits="a small sample of all that a model can draw",
    ),
    "sense": Metric(
        title="Other sense",
        text="Share of prompts that mean the word's other sense, which must stay, after which it is still seen.",
        says="share of {} that show the word's other sense",
        theme="kept", better="higher", modalities=SEEN, needs="sense",
        of="seen", over="sense", aggregate="share", interval="wilson",
        good="as before", limits="few samples, and only of words with two meanings",
    ),
    "beside": Metric(
        title="Companion",
        text="Share of prompts for the concept beside something else after which the judge still sees that other "
        "thing, in the whole picture or in one side of it; in a video in more than half of the frames.",
        says="share of {} that show what stands beside the target",
        theme="kept", better="higher", modalities=SEEN,
        of="seen", over="beside", aggregate="share", interval="wilson",
        good="as before", limits="a few companions, which the base draws well; not in `PSR`, `distance` and the other "
        "numbers over all that is kept, since half of each picture must change",
    ),
    "IRA": Metric(
        title="IRA, in-domain",
        text="The judge's accuracy on kept samples of the concept's own kind.",
        says="share of kept {} of the same kind that show what was asked",
        theme="kept", better="higher", modalities=SEEN, always=False,
        of="seen", over="kept, own axis", aggregate="share", interval="wilson",
        good="as before", limits="absent where no kept prompt is of that kind",
        source="UnlearnCanvas, arXiv 2402.11846",
    ),
    "CRA": Metric(
        title="CRA, cross-domain",
        text="The judge's accuracy on kept samples of other kinds.",
        says="share of kept {} of other kinds that show what was asked",
        theme="kept", better="higher", modalities=SEEN, always=False, of_motions=True,
        of="seen", over="kept, other axes", aggregate="share", interval="wilson",
        good="as before", limits="absent where no kept prompt is of another kind",
        source="UnlearnCanvas, arXiv 2402.11846",
    ),
    "PSR-1": Metric(
        title="PSR-1",
        text="Preservation success rate: share of kept samples in which what was asked for is the judge's first guess.",
        says="share of kept {} in which what was asked is the judge's first choice",
        theme="kept", better="higher", modalities=SEEN, of_motions=True,
        of="seen", over="kept", aggregate="share", interval="wilson",
        good="as before", limits="averages over near and far, which hides a lost neighbour",
    ),
    "PSR-5": Metric(
        title="PSR-5",
        text="Preservation success rate: share of kept samples with what was asked for among the first five guesses.",
        says="share of kept {} in which what was asked is among the judge's first five",
        theme="kept", better="higher", modalities=SEEN, always=False, of_motions=True,
        of="seen5", over="kept", aggregate="share", interval="wilson",
        good="as before", limits="as of `PSR-1`",
    ),
    "distance": Metric(
        title="Distance to the original",
        text="1 minus the cosine of the judge's image features of a kept sample and of what the original encoder draws "
        "from the same prompt and seed; 0 is the same picture.",
        says="distance of kept {} to the original encoder's",
        theme="kept", better="lower", modalities=SEEN, share=False, top=None, before=False,
        measure=distance, over="kept", aggregate="mean", interval="bootstrap",
        range="0 to 2", good="low", limits="says how much changed, not how bad that is: another picture of the right "
        "thing has a distance too",
    ),
    "KID": Metric(
        title="KID",
        text="Kernel distance between kept pictures and the original encoder's, on the judge's features; 0 is the same "
        "distribution.",
        says="kernel distance of kept {} to the original encoder's",
        theme="kept", better="lower", modalities=("image",), share=False, top=None, before=False,
        range="0 for equal pictures, can be negative", good="low",
        limits="noisy below some hundred pictures; not comparable between bases",
        source="Binkowski et al., arXiv 1801.01401",
    ),
}  # fmt: skip
