"""Which processes a run has started."""

from pathlib import Path

import psutil


def living(folder: Path) -> list[psutil.Process]:
    """The processes that work in a clone, oldest first."""
    alive = []
    for process in psutil.process_iter():
        try:
            inside = Path(process.cwd()).is_relative_to(folder)
            if inside and process.status() != psutil.STATUS_ZOMBIE:
                alive.append(process)
        except (psutil.Error, OSError):
            continue
    return sorted(alive, key=lambda process: process.create_time())
