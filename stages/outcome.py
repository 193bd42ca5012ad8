"""outcome: name the units that failed, and end the run with 1 if there are any.

It comes last: a unit whose method raises or diverges costs its own encoders their verdict, and no other anything.
"""

import sys
from pathlib import Path

from expunge.plan.why import indexes_of
from stages.runtime.process import main

BUILD = Path("build")
FIX = "change its method or parameters; or `dvc repro --force --single-item {stage}` and `dvc repro` try it once more"


def run() -> None:
    """:raises SystemExit: 1, if a unit failed."""
    lines = []
    for index in indexes_of(BUILD).values():
        fix = FIX.format(stage=index.stage)
        lines += [f"{index.stage} of {unit} failed: {f.error}; {fix}" for unit, f in index.failed.items() if f.error]
    if lines:
        print(*lines, sep="\n", file=sys.stderr)
        raise SystemExit(1)


if __name__ == "__main__":
    main(run)
