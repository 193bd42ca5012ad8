"""What `expunge validate` and the stage plan say of releases: what each takes, and what nobody asks of it."""

from collections.abc import Iterator, Sequence

from expunge.core.unit_names import GENERAL_SET, RELEASES, Name
from expunge.plan.contract import EncoderJob, Plan, PlannedRelease
from expunge.plan.notes import some


def release_notes(plan: Plan) -> list[str]:
    """Notes about every release of a plan."""
    return [
        f"{RELEASES}/{name}: {text}"
        for name, release in plan.releases.items()
        for text in _notes(plan, release, plan.encoders[str(Name(RELEASES, name))])
    ]


def _notes(plan: Plan, release: PlannedRelease, job: EncoderJob) -> Iterator[str]:
    yield f"one encoder forgets {_count(job.concepts, 'concept')} of {_count(release.lists, 'list')} by {job.method}"
    others = [name for name in job.concepts if plan.concepts[name].method not in (None, job.method)]
    if others:
        yield f"takes {job.method} also for concepts that name another method: {some(others)}"
    if len(release.attacked) < len(job.concepts):
        chosen = f"{len(release.attacked)} of them, chosen by the seed"
        yield f"the attacks are on {chosen}: {some(release.attacked)}"
    if general := plan.samples.get(GENERAL_SET):
        left = len(general) - len(job.left_out.get(GENERAL_SET, ()))
        why = "the others name what it forgets, or lie beyond its budget"
        yield f"draws {left} of the {len(general)} samples of the general set; {why}"
    if texts := unasked(plan, release):
        yield f"not asked for, since one of its concepts forgets it: {some(texts)}"


def unasked(plan: Plan, release: PlannedRelease) -> list[str]:
    """What is kept and forgotten at once, in words; of confidential concepts how many, and nothing else."""
    texts, hidden = list[str](), 0
    for each in release.not_asked:
        concepts = [plan.concepts[name] for name in (each.kept_by, each.forgotten_by) if name in plan.concepts]
        if any(concept.confidential for concept in concepts):
            hidden += 1
        else:
            texts.append(f"{each.words!r} ({each.kept_by or 'a prompt of the base'}; {each.forgotten_by})")
    return [*texts, *([f"{hidden} that concern confidential concepts"] if hidden else [])]


def _count(things: Sequence[str], what: str) -> str:
    return f"{len(things):,} {what}{'' if len(things) == 1 else 's'}"
