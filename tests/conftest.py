"""Shared fixtures: the tiny base is built once a session; a test that changes its files must build its own."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.support import tiny

if "PYTEST_XDIST_WORKER" in os.environ:  # set before torch is imported: two workers share the cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like bases/ that holds the base `tiny`. Read only."""
    return tiny.make_base(tmp_path_factory.mktemp("bases"))


@pytest.fixture(scope="session")
def tiny_base(tiny_folder: Path) -> Any:
    """The base `tiny`, loaded with its T2V pipeline."""
    from expunge.bases.base import load
    from expunge.bases.spec import load_spec

    return load(load_spec("tiny", tiny_folder), t2v=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test has the marker of its folder: tests/unit/... is `unit`, tests/faults/... is `faults`."""
    here = Path(__file__).parent
    for item in items:
        item.add_marker(item.path.relative_to(here).parts[0])
