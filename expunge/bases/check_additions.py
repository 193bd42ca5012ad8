"""Are the LoRAs and textual inversions of a base there, and do their sizes fit? Imports no torch."""

from expunge.bases.advice import CONVERT, PICKLES
from expunge.bases.parts import Part, read_header
from expunge.bases.spec import Addition, Spec
from expunge.core.errors import Problem


def addition_problems(spec: Spec, encoder: Part | None = None) -> list[Problem]:
    """Files that are missing or no safetensors, and inversions that do not fit the text encoder or the family.

    :param encoder: the text encoder; None: its width is not compared.
    """
    problems = []
    if spec.inversions and not spec.family.INVERSIONS:
        what = f"`inversions` is written, and no pipeline of {spec.family.NAME} reads textual inversions"
        problems.append(Problem(spec.inversions[0].where, what, "take it out"))
    for kind, additions in (("LoRA", spec.loras), ("textual inversion", spec.inversions)):
        for each in additions:
            problem = _file_problem(each, kind) or (_size_problem(each, encoder) if each.token else None)
            problems += [problem] if problem is not None else []
    tokens = [each.token for each in spec.inversions]
    return problems + [
        Problem(each.where, f"two textual inversions have the token {each.token}", "give each its own")
        for index, each in enumerate(spec.inversions)
        if each.token in tokens[:index]
    ]


def vectors_of(inversion: Addition) -> int:
    """How many tokens a textual inversion is read as; 1 where its file cannot be read."""
    try:
        shapes = list(read_header(inversion.path).values())
    except (OSError, ValueError):
        return 1
    return shapes[0][0] if shapes and len(shapes[0]) == 2 else 1


def _file_problem(each: Addition, kind: str) -> Problem | None:
    if each.path.suffix.lower() in PICKLES:
        return Problem(each.where, f"the {kind} {each.written} is no safetensors file", CONVERT)
    if not each.path.is_file():
        return Problem(each.where, f"the {kind} {each.written} is not there", "put it there, or correct the path")
    try:
        read_header(each.path)
    except ValueError as error:
        return Problem(each.where, f"the {kind}'s {error}", "copy the file there again")
    return None


def _size_problem(each: Addition, encoder: Part | None) -> Problem | None:
    """Is the file one embedding, of the text encoder's width?"""
    shapes = read_header(each.path)
    if len(shapes) != 1:
        what = f"the textual inversion {each.written} holds {len(shapes)} tensors"
        return Problem(each.where, what, "use one that was made for a model with one text encoder")
    shape = next(iter(shapes.values()))
    width = encoder.config.get("hidden_size") if encoder is not None else None
    if len(shape) not in (1, 2) or (isinstance(width, int) and shape[-1] != width):
        what = f"the textual inversion {each.written} has the shape {list(shape)}, and the text encoder is {width} wide"
        return Problem(each.where, what, "use one that was made for this model")
    return None
