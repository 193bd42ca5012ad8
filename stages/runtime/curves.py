"""The training curves of the stage unlearn: DVCLive writes each beside its encoder, and `dvc plots` shows them."""

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from expunge.core.unit_names import Name

CURVES = Path("build/curves")


@contextmanager
def progress_of(name: str, folder: Path, steps: int | None) -> Iterator[Callable[[int, float], None]]:
    """A function to call with (step, loss) after each step: it moves a bar on the terminal and draws the curve."""
    from tqdm import tqdm

    with tqdm(desc=name, unit="step", total=steps, delay=2, leave=False) as bar, curve_in(folder) as live:

        def log(step: int, loss: float) -> None:
            if live is not None:
                live.step = step
                live.log_metric("loss", loss)
            bar.update()

        yield log


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
    """Copy all training curves into a folder that holds nothing else, because dvc plots every file of a folder."""
    shutil.rmtree(CURVES, ignore_errors=True)
    CURVES.mkdir(parents=True)
    for name in names:
        curve = out / name / "live" / "plots" / "metrics" / "loss.tsv"
        if curve.is_file():  # some methods train nothing
            shutil.copyfile(curve, CURVES / f"{Name.parse(name).stem}.tsv")
