"""The training curves of the stage unlearn: DVCLive writes each beside its encoder, `dvc plots` shows them all."""

import shutil
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

CURVES = Path("build/curves")


def curve_in(folder: Path) -> AbstractContextManager[Any]:
    """DVCLive's logger; None in a git repository without a commit, where it cannot start."""
    from dvclive import Live
    from scmrepo.exceptions import SCMError

    try:
        return Live(str(folder), save_dvc_exp=False, dvcyaml=None)
    except SCMError as error:
        print(f"no training curves ({error}): `git commit` once, and they are written", file=sys.stderr)
        return nullcontext()


def collect_curves(out: Path, names: Iterable[str]) -> None:
    """The training curves of all encoders, in a folder that holds nothing else: dvc plots a folder whole."""
    shutil.rmtree(CURVES, ignore_errors=True)
    CURVES.mkdir(parents=True)
    for name in names:
        curve = out / name / "live" / "plots" / "metrics" / "loss.tsv"
        if curve.is_file():  # some methods train nothing
            shutil.copyfile(curve, CURVES / f"{name.replace('/', '--')}.tsv")
