"""Do both pipelines of a base have the text encoder whose digests a record holds? No model is loaded for it."""

from collections.abc import Mapping
from typing import Any

from expunge.bases.hub import find_folder
from expunge.bases.sources import needed_sources
from expunge.bases.spec import Spec
from expunge.core.errors import Problem
from expunge.records.compatible import compatible


def sharing_problems(spec: Spec, record: Mapping[str, Any]) -> list[Problem]:
    """One problem if the T2V pipeline lies in a folder of its own with another text encoder than the T2I pipeline's.

    Whoever loads the T2V pipeline compares them as well; this is for a run that drew no video.

    :param record: of any encoder of the base.
    """
    needed = needed_sources(spec).get("t2v")
    folder = find_folder(spec, needed.source) if needed is not None else None
    if needed is None or folder is None or record["predicate"]["base"]["tensors"] is None:
        return []
    answer = compatible(record, folder)
    if answer.fits:
        return []
    names = sorted((*answer.differ, *answer.missing, *answer.unknown))
    what = f"the text encoder is not the T2I pipeline's: {len(names)} tensors differ ({names[0]}, ...)"
    return [Problem(needed.source.where, what, "pair models that share one text encoder")]
