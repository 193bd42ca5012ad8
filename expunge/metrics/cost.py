"""What an encoder costs. No gate asks for it."""

from expunge.metrics.metric import Metric

METRICS = {
    "seconds": Metric(
        title="Seconds", text="Time to train the encoder, in seconds.", theme="cost", better="lower", modalities=(),
        share=False, gateable=False, timing=True,
    ),
    "changed_parameters": Metric(
        title="Parameters changed", text="How many numbers of the encoder differ from the original's.", theme="cost",
        better="", modalities=(), share=False, gateable=False,
    ),
}  # fmt: skip
