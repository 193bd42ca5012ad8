"""How long a run will take, over all stages, from what units took before on this machine."""

from collections.abc import Collection

from expunge.core.accounts import read_seconds
from expunge.plan.why import ORDER

SHORT = 10.0  # seconds; of less nobody wants to know


def forecast(stage: str, missing: Collection[str], workers: int) -> str:
    """ "about 02:05, and 09:30 with the stages after it"; "" where too little is known, or it is short.

    A unit takes what it took when it was computed last, a new one the mean. Stages that come later are taken to have
    work in proportion, since their units follow from these: half as many new units here, half as much there.

    :param missing: units to compute. :param workers: as many at once.
    """
    from tqdm import tqdm

    known = read_seconds(stage)
    if not known or stage not in ORDER:
        return ""
    mean = sum(known.values()) / len(known)
    here = sum(known.get(name, mean) for name in missing)
    others = [read_seconds(each) for each in ORDER[ORDER.index(stage) + 1 :]]
    later = sum(sum(each.values()) for each in others) / len(known) * len(missing)
    if (here + later) / workers < SHORT:
        return ""
    text = f"about {tqdm.format_interval(here / workers)}"
    return f"{text}, and {tqdm.format_interval((here + later) / workers)} with the stages after it" if later else text
