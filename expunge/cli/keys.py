"""Commands for keys that sign records."""

import json
from pathlib import Path
from typing import Annotated

import typer

from expunge.cli.app import app, errors_in_lines
from expunge.cli.audit import opened, password

keys = typer.Typer(help="Keys that sign records.", no_args_is_help=True)
app.add_typer(keys, name="keys")


@keys.command("show")
@errors_in_lines
def show_key(
    key: Annotated[str, typer.Argument(help="A key as --key takes it: a file, an environment variable, pkcs11:...")],
    name: Annotated[str, typer.Option(help="Whose key it is.")] = "release team",
    role: Annotated[list[str] | None, typer.Option(help="What it may sign: request, record, release.")] = None,
) -> None:
    """Print the entry for audit/trusted.yaml of a key that is there already, such as one in a token."""
    signer, _ = opened(key)
    typer.echo(_entry(name, _roles(name, role), signer.public_key.keyval["public"]), nl=False)


@keys.command("new")
@errors_in_lines
def new_keys(
    file: Annotated[Path, typer.Argument(help="Where the private key is written: outside of any repository.")],
    name: Annotated[str, typer.Option(help="Whose key it is.")] = "release team",
    role: Annotated[list[str] | None, typer.Option(help="What it may sign: request, record, release.")] = None,
) -> None:
    """Make a key, and print its entry for audit/trusted.yaml.

    The private key is encrypted by a password, from EXPUNGE_KEY_PASSWORD or asked for.
    """
    from expunge.records.keys import new_key

    roles = _roles(name, role)
    public = new_key(file.expanduser(), password(confirm=True))
    typer.echo(f"{file} holds the private key. Below is its entry for audit/trusted.yaml.", err=True)
    typer.echo(_entry(name, roles, public), nl=False)


def _roles(name: str, roles: list[str] | None) -> list[str]:
    """:raises InputError: a role or the name is wrong."""
    from expunge.core.errors import InputError, Problem
    from expunge.records.keys import ROLES

    if wrong := [each for each in roles or () if each not in ROLES]:
        raise InputError([Problem("--role", f"{wrong[0]!r} is no role", f"write {', '.join(ROLES)}")])
    if not (name.strip() and name.isprintable() and len(name) <= 200):
        raise InputError(
            [Problem("--name", "is empty, longer than 200 characters, or not printable", "write whose it is")]
        )
    return roles or ["record", "release"]


def _entry(name: str, roles: list[str], public: str) -> str:
    """A key's entry for audit/trusted.yaml."""
    lines = "".join(f"    {line}\n" for line in public.splitlines())
    return f"- name: {json.dumps(name, ensure_ascii=False)}\n  roles: [{', '.join(roles)}]\n  public: |\n{lines}"
