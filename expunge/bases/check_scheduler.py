"""Does diffusers have the schedulers that a base names, and do these have its options? Imports no torch.

diffusers imports torch with any of its schedulers, so their arguments are read from its source files.
"""

import ast
import re
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from expunge.bases.parts import Found
from expunge.bases.spec import Pipeline, Spec
from expunge.core.errors import Problem
from expunge.core.schema import did_you_mean


def scheduler_problems(spec: Spec, found: Found) -> list[Problem]:
    """Schedulers that do not exist and options that they do not have."""
    saved = {kind: _saved(found, kind) for kind in ("t2i", "t2v")}
    first = spec.t2i.scheduler or saved["t2i"]
    problems = []
    for kind, pipeline, default in (("t2i", spec.t2i, first), ("t2v", spec.t2v, saved["t2v"] or first)):
        problems += _problems(kind, pipeline, pipeline.scheduler or default)
    return list(dict.fromkeys(problems))


def arguments_of(scheduler: str) -> list[str] | None:
    """The names of a diffusers scheduler's arguments; None where diffusers has no such scheduler."""
    file = _files().get(scheduler)
    if file is None:
        return None
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == scheduler:
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                    return [each.arg for each in (*method.args.args[1:], *method.args.kwonlyargs)]
    return []


def _problems(kind: str, pipeline: Pipeline, scheduler: str | None) -> list[Problem]:
    if scheduler is None:
        return []
    arguments = arguments_of(scheduler)
    if arguments is None:
        near = get_close_matches(scheduler, list(_files()), 1)
        fix = f"write {near[0]}" if near else "write the class name of a scheduler of diffusers"
        return [Problem(pipeline.scheduler_where, f"diffusers has no scheduler {scheduler}", fix)]
    return [
        Problem(pipeline.options_where.get(option, pipeline.scheduler_where),
                f"{scheduler} has no option {option!r}", did_you_mean(option, arguments))
        for option in pipeline.scheduler_options if option not in arguments
    ]  # fmt: skip


def _saved(found: Found, kind: str) -> str | None:
    part = found.parts.get(f"{kind}.scheduler")
    return part.config.get("_class_name") if part is not None else None


@cache
def _files() -> dict[str, Path]:
    """{scheduler: the file of diffusers that defines it}."""
    package = find_spec("diffusers")
    folders = list(package.submodule_search_locations or ()) if package is not None else []
    files = {}
    for folder in folders:
        for file in sorted(Path(folder, "schedulers").glob("scheduling_*.py")):
            for name in re.findall(r"^class (\w+Scheduler)\(", file.read_text("utf-8"), re.MULTILINE):
                files[name] = file
    return files
