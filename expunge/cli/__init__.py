"""The command line: one function for each command. Exit code 2 means that the input is wrong."""

import gc
import sys

gc.set_threshold(200_000)  # commands are short, and looking for cycles among the nodes of a long list takes a tenth

# Importing registers the commands.
from expunge.cli import audit, bases, export, judge, keys, lists, requests, results, run  # noqa: E402, F401
from expunge.cli.app import app  # noqa: E402


def main() -> None:
    """The entry point; also `python -m expunge`."""
    sys.exit(app())
