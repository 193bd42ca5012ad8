"""The command line: one function for each command. Exit code 2 means that the input is wrong."""

import sys

from expunge.cli import bases, export, judge, lists, results, run  # noqa: F401 (importing registers the commands)
from expunge.cli.app import app


def main() -> None:
    """The entry point; also `python -m expunge`."""
    sys.exit(app())
