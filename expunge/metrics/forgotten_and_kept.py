"""Forgotten and kept in one number."""

from expunge.metrics.metric import SEEN, Metric

METRICS = {
    "H_c": Metric(
        title="H_c",
        text="Harmonic mean of what is gone (1 minus target) and what is kept; one weak part pulls it down.",
        says="harmonic mean of forgotten and kept in {}",
        theme="both", better="higher", modalities=SEEN,
        aggregate="harmonic", parts=("UA", "PSR-1"), interval="parts",
        good="1", limits="ranks methods; do not sign on it alone", source="MACE, arXiv 2403.06135",
    ),
    "H_o": Metric(
        title="H_o",
        text="Harmonic mean of what is gone, what is kept and what is gone under other words (1 minus aliases).",
        says="harmonic mean of forgotten, kept and forgotten under other names in {}",
        theme="both", better="higher", modalities=SEEN, needs="aliases",
        aggregate="harmonic", parts=("UA", "PSR-1", "1 - aliases"), interval="parts",
        good="1", limits="as of `H_c`", source="MACE, arXiv 2403.06135",
    ),
}  # fmt: skip
