"""What is it that someone wants checked?"""

from pathlib import Path

from expunge.records.verify import AUDIT


def kind_of(path: Path, encoders: Path) -> str:
    """What a path is that someone wants checked: "tar", "release", "encoder", "repository" or "weights".

    A folder with weights at its top is an encoder, whatever else lies in it: so nobody makes a repository of it by
    putting records beside the weights. :param encoders: build/encoders of the repository.
    """
    if not path.is_dir():
        return "tar" if path.suffix == ".tar" else "weights"
    if encoders.resolve() in (path.resolve(), *path.resolve().parents):
        return "encoder"
    if (path / "release.json").is_file():
        return "release"
    if not any(path.glob("*.safetensors")) and (path / AUDIT).is_dir():
        return "repository"
    return "encoder"
