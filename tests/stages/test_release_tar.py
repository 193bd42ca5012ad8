"""`expunge verify` of a release's tar, as it came; and of tars that somebody else made."""

import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.attested import flip, verify


def test_it_is_checked_as_it_came(away: Path, here: Path) -> None:
    shutil.copyfile(here / "release/small.tar", "small.tar")
    found = verify("small.tar", "--signed", "--trusted", "ours.yaml")
    assert found.exit_code == 0 and "release.json: is signed by the team" in found.stdout, found.output
    assert sorted(path.name for path in Path().iterdir()) == ["ours.yaml", "small", "small.tar"]  # nothing is left here
    text = Path("small.tar").read_bytes()
    at = text.index(b'"PASSED"') + 3  # within a file, so that the tar itself stays whole
    Path("small.tar").write_bytes(text[:at] + b"X" + text[at + 1 :])
    found = verify("small.tar", "--signed", "--trusted", "ours.yaml")
    assert found.exit_code in (2, 3) and found.output.strip(), found.output


def test_a_file_of_it_that_was_changed_is_named(away: Path) -> None:
    flip(Path("small/rates.csv"))
    with tarfile.open("again.tar", "w") as tar:
        tar.add("small")
    found = verify("again.tar", "--signed", "--trusted", "ours.yaml")
    assert found.exit_code == 3 and "digest: rates.csv: is not the file that was released" in found.stdout


def test_nothing_stands_behind_its_end(away: Path, here: Path) -> None:
    """Some programs would unpack a second tar there over the first."""
    whole = (here / "release/small.tar").read_bytes()
    Path("small.tar").write_bytes(whole + whole)
    found = verify("small.tar", "--signed", "--trusted", "ours.yaml")
    assert found.exit_code == 3 and "holds more behind its end" in found.stdout


def member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.size, entry.linkname = kind, size, link
    return entry


def claiming(size: int) -> bytes:
    """A tar whose one file claims more bytes than follow, as a sparse file does."""
    return member("small/big", size=size).tobuf(tarfile.GNU_FORMAT) + bytes(1024)


FORGED: dict[str, tuple[Callable[[tarfile.TarFile], object], str]] = {
    "a link": (lambda t: t.addfile(member("small/x", tarfile.SYMTYPE, link="/etc/passwd")), "neither a file nor"),
    "a hard link": (lambda t: t.addfile(member("small/x", tarfile.LNKTYPE, link="/etc/passwd")), "neither a file nor"),
    "a device": (lambda t: t.addfile(member("small/x", tarfile.CHRTYPE)), "neither a file nor"),
    "a way out": (lambda t: t.addfile(member("small/../../x")), "which leads out of its folder"),
    "an absolute path": (lambda t: t.addfile(member("/tmp/x")), "which leads out of its folder"),
    "a file twice": (lambda t: (t.addfile(member("small/x")), t.addfile(member("small/x"))), "'small/x' twice"),
    "two folders": (lambda t: (t.addfile(member("small/x")), t.addfile(member("b/x"))), "more than one folder"),
    "nothing": (lambda t: None, "is empty"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_what_no_release_holds_is_named_and_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    forge, said = FORGED[name]
    with tarfile.open("a.tar", "w") as tar:
        forge(tar)
    monkeypatch.setattr(tarfile.TarFile, "extractall", lambda *args, **kwargs: pytest.fail("it was unpacked"))
    found = verify("a.tar")
    assert found.exit_code == 3 and said in found.stdout, found.output


@pytest.mark.parametrize("size", [10**6, 10**15])
def test_a_bomb_is_no_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.tar").write_bytes(claiming(size))
    found = verify("a.tar")
    assert found.exit_code in (2, 3) and len(found.output.splitlines()) < 4, found.output


def test_other_files_are_no_tar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with tarfile.open("packed.tar", "w:gz") as tar:  # may hold any number of bytes
        tar.addfile(member("small/x", size=3), io.BytesIO(b"abc"))
    Path("text.tar").write_text("x" * 2000)
    with tarfile.open("other.tar", "w") as tar:
        tar.addfile(member("small/x", size=3), io.BytesIO(b"abc"))
    for name, said in (("packed", "read as a tar"), ("text", "read as a tar"), ("other", "release.json"), ("no", "no")):
        found = verify(f"{name}.tar")
        assert found.exit_code == 2 and said in found.stderr and len(found.stderr.splitlines()) == 1, found.output
