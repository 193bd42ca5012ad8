"""What verdicts and comparisons share on a terminal."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def console() -> "Console":
    """As wide as the terminal; in a log, which has no width, 160 characters."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 160, highlight=False, markup=False)


def number(value: float, low: float | None, high: float | None) -> str:
    """ "0.5 (0.393-0.607)" """
    return f"{value:.3g}" + (f" ({low:.3g}-{high:.3g})" if low is not None and high is not None else "")
