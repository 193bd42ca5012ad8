"""How a stage goes on when units are not there: what reads them is left out, and all is said."""

import sys
from collections.abc import Mapping

from expunge.core.index import Failure
from stages.runtime.failures import Failed
from stages.runtime.units import Unit


def out_of_reach(units: Mapping[str, Unit]) -> dict[str, Failure]:
    """The units that read one which an earlier stage could not make (its key is ""), and those that read these."""
    lost: dict[str, Failure] = {}
    for name, unit in units.items():  # those that a unit reads come before it
        needs = [other for other, key in unit.upstream.items() if not key]
        needs += [other for other in unit.reads_units.values() if other in lost]
        if needs:
            lost[name] = Failure("", tuple(needs))
    return lost


def tell(stage: str, count: int, broken: Mapping[str, Failed], lost: Mapping[str, Failure]) -> None:
    """Say on stderr which of `count` units failed, and which never began since they read one that is not there.

    :raises SystemExit: 1, if one that failed may not fail again: the next run tries it anew.
    """
    lasting = all(each.lasts for each in broken.values())
    if broken:
        rest = "the others go on without them" if lasting else "the others are kept"
        lines = [each.line for each in broken.values()]
        print(f"{stage}: {len(broken)} of {count} units failed; {rest}", *lines, sep="\n  ", file=sys.stderr)
    if not lasting:
        raise SystemExit(1)
    if lost:
        roots = sorted({need for each in lost.values() for need in each.needs})
        shown = ", ".join(roots[:3]) + (f" and {len(roots) - 3} more" if len(roots) > 3 else "")
        print(f"{stage}: {len(lost)} of {count} units not begun, for want of {shown}", file=sys.stderr)
