"""The command that has an edit measured which somebody else made."""

from pathlib import Path
from typing import Annotated

import typer

from expunge.cli.app import app, default_base_and_method, errors_in_lines
from expunge.core.errors import InputError, Problem, shown


@app.command()
@errors_in_lines
def judge(
    path: Annotated[Path, typer.Argument(help="An encoder, denoiser, checkpoint or LoRA: .safetensors, or a folder.")],
    list_: Annotated[str, typer.Option("--list", help="What it should have forgotten: a list's id, or its file.")],
    concept: Annotated[list[str] | None, typer.Option(help="Only these concepts of the list; default: all.")] = None,
    name: Annotated[str | None, typer.Option(help="What to call it; default: by its file.")] = None,
    lists: Annotated[Path, typer.Option(help="The folder of concept lists.")] = Path("concepts"),
    bases: Annotated[Path, typer.Option(help="The folder of bases.")] = Path("bases"),
    force: Annotated[bool, typer.Option(help="Put the new list, or file, in the place of the old one.")] = False,
) -> None:
    """Plan to measure, attack and gate what somebody else made, like an encoder of one's own.

    Copies it into external/, and writes the list with `method: external`, so that the next `dvc repro` loads it instead
    of training. A concept stands in one list only, so the list takes the place of the one it was made of: commit that
    first, and `git restore` brings it back. Names and shapes of the tensors must be those of the base that params.yaml
    names. docs/export.md tells more.
    """
    from expunge.bases.check_external import header_problems
    from expunge.bases.spec import load_spec
    from expunge.concepts.judged_list import judged_list
    from expunge.concepts.listfile import write_list
    from expunge.core.git import uncommitted
    from expunge.core.names import id_problem, slug
    from expunge.core.schema import did_you_mean
    from expunge.plan.external import FOLDER, copy_in, place_of

    called = name or slug(path.stem)
    if why := id_problem(called):
        raise InputError([Problem("--name", f"{called!r} {why}", "write --name NAME: a-z, 0-9 and single - between")])
    spec = load_spec(default_base_and_method()["base"], bases) if bases.is_dir() else None
    if problems := header_problems(path, spec):
        raise InputError(problems)
    source = Path(list_) if list_.endswith(".yaml") else lists / f"{list_}.yaml"
    ids = sorted(file.stem for file in lists.glob("*.yaml"))
    if not list_.endswith(".yaml") and not source.is_file() and ids:
        fix = f"{did_you_mean(list_, ids)}, or the path of a list's file"
        raise InputError([Problem("--list", f"there is no {shown(source)}", fix)])
    out = lists / source.name
    if out.exists() and not force:
        fix = "commit it, then write --force: the new list takes its place until `git restore`"
        raise InputError([Problem(shown(out), "is there already, and a concept stands in one list only", fix)])
    if out.exists() and uncommitted(out):
        fix = "commit it first, or `git restore` it: --force would lose what git does not hold"
        raise InputError([Problem(shown(out), "is there already, and git does not hold it as it is", fix)])
    text = judged_list(source, called, place_of(path, called).as_posix(), concept or ())
    place = copy_in(path, called, force)
    write_list(text, out, force)
    typer.echo(f"{out.as_posix()}: {called} is loaded from {place.as_posix()}")
    typer.echo(f"then: dvc add {place.as_posix()} (or git add; it must be in {FOLDER}/), dvc repro, "
               f"expunge gate {out.stem}/{called}", err=True)  # fmt: skip
