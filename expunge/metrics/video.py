"""How a video moves and holds together. A frozen video is perfectly consistent: `dynamic` and `motion` say so."""

from expunge.judging import formulas
from expunge.metrics.metric import VIDEO, Metric, Sight


def consistency(sight: Sight) -> float | None:
    """-1 to 1, videos: cosine of neighbouring frames; 1 for a frozen video."""
    return formulas.consistency(sight.features) if _moves(sight) else None


def subject_consistency(sight: Sight) -> float | None:
    """0 to 1, videos: cosine to the first and to the previous frame; 1 for a frozen video."""
    return formulas.subject_consistency(sight.features) if _moves(sight) else None


def flicker(sight: Sight) -> float | None:
    """0 to 1, videos: 1 less the mean change of neighbouring frames; 1 for a frozen video."""
    return formulas.flicker(sight.sample.pixels) if _moves(sight) else None


def dynamic(sight: Sight) -> float | None:
    """0 to 1, videos: share of pixels that change from frame to frame; 0 for a frozen video."""
    return formulas.dynamic(sight.sample.pixels) if _moves(sight) else None


def motion(sight: Sight) -> float | None:
    """0 or 1, videos whose prompt names a motion: the motion classifier sees that one."""
    sample, judge = sight.sample, sight.judge
    if sample.modality != "video" or judge.motion is None:
        return None
    named = formulas.named_motions(judge.labels["motion"], sample.prompt)
    if not named:
        return None
    from expunge.judging.judge import classify  # loads torch

    return formulas.moves_as_asked(classify(judge, sample.pixels[None], "motion")[0], named)


def _moves(sight: Sight) -> bool:
    return sight.sample.modality == "video" and len(sight.sample.pixels) > 1


METRICS = {
    "consistency": Metric(
        title="Temporal consistency",
        text="Mean cosine of the features of neighbouring frames; a frozen video has 1, so read it beside the dynamic "
        "degree.",
        says="likeness of neighbouring frames",
        theme="video", better="higher", modalities=VIDEO, share=False,
        measure=consistency, over="moving", aggregate="mean", interval="bootstrap",
        range="-1 to 1", good="as before", limits="cannot tell a steady video from a frozen one",
        source="Esser et al., arXiv 2302.03011",
    ),
    "subject_consistency": Metric(
        title="Subject consistency",
        text="Mean cosine of each frame's features with those of the first frame and of the one before; a frozen video "
        "has 1.",
        says="likeness of the frames to the first and to the one before",
        theme="video", better="higher", modalities=VIDEO, share=False,
        measure=subject_consistency, over="moving", aggregate="mean", interval="bootstrap",
        good="as before", limits="as above", source="VBench, arXiv 2311.17982",
    ),
    "flicker": Metric(
        title="Freedom from flicker",
        text="1 minus the mean change of a pixel from frame to frame; what moves costs a little, too.",
        says="freedom from flicker",
        theme="video", better="higher", modalities=VIDEO, share=False,
        measure=flicker, over="moving", aggregate="mean", interval="bootstrap",
        good="as before", limits="as above", source="VBench",
    ),
    "dynamic": Metric(
        title="Dynamic degree",
        text="Share of pixels that change from a frame to the next; far below the original's is a frozen video.",
        says="share of pixels that move",
        # more is no merit, far less is a frozen video; below 0.01 stands still what was asked to stand still
        theme="video", better="higher", modalities=VIDEO, floor=0.01,
        measure=dynamic, over="moving", aggregate="mean", interval="bootstrap",
        good="as before", limits="more is not better: noise moves too; where it is below 0.01 before, nothing was "
        "there to freeze", source="in place of VBench's, which reads optical flow",
    ),
    "motion": Metric(
        title="Motion",
        text="Share of videos in which the motion classifier sees the motion that the prompt names.",
        says="share of {} that move as asked",
        theme="video", better="higher", modalities=VIDEO, always=False,
        measure=motion, over="moving", aggregate="share", interval="wilson",
        good="as before", limits="absent where no prompt names a motion",
    ),
}  # fmt: skip
