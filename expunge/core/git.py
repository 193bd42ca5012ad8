"""What git says about a file. Where there is no git, or no repository, it says nothing."""

import subprocess
from pathlib import Path


def uncommitted(file: Path) -> bool:
    """Is a file changed since the last commit, or not in git at all? False where git cannot tell."""
    asked = ["git", "status", "--porcelain", "--ignored", "--untracked-files=all", "--", file.name]
    try:
        done = subprocess.run(asked, cwd=file.parent, capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0 and bool(done.stdout.strip())
