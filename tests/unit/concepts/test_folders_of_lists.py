"""Several lists at once, and files in their folder that are no lists: the exact line, what is wrong, what to write."""

from pathlib import Path

import pytest

from expunge.concepts.lists import load_list, load_lists
from expunge.core.errors import InputError
from expunge.plan.validate_lists import list_rules

HEAD = "title: T\nowner: team\nconcepts:\n"  # lines 1-3
BOLT = "  - id: bolt\n    name: bolt the robot\n    kind: character\n"  # lines 4-6
ZORB = "  - id: zorb\n    name: zorb the alien\n    kind: character\n"  # lines 7-9


def problems(lists: Path) -> list[str]:
    """Of a folder of lists, or of one list of a folder."""
    with pytest.raises(InputError) as caught:
        load_lists(lists, list_rules()) if lists.is_dir() or not lists.suffix else load_list(lists, list_rules())
    return [str(problem) for problem in caught.value.problems]


def test_what_one_list_keeps_is_no_name_in_another(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("keep: [a bus, zorb the alien]\n" + HEAD + BOLT)
    (tmp_path / "b.yaml").write_text(HEAD + ZORB)
    [problem] = problems(tmp_path)
    assert "a.yaml:1: 'zorb the alien' is kept by the list a, but is the name of zorb" in problem
    assert "b.yaml:5" in problem


def test_a_member_may_be_a_concept_of_its_own_and_a_probe_trained_in_another_list(tmp_path: Path) -> None:
    rifles = "  - {id: rifle, name: a rifle, kind: object}\n"
    arms = "  - {id: arms, name: weapons, kind: category, members: [a rifle, a pistol], probes: [a sabre]}\n"
    (tmp_path / "a.yaml").write_text(HEAD + rifles + arms)
    (tmp_path / "b.yaml").write_text(HEAD + "  - {id: sabre, name: a sabre, kind: object}\n")
    assert [c.id for each in load_lists(tmp_path) for c in each.concepts] == ["rifle", "arms", "sabre"]


def test_a_neighbour_in_one_list_is_no_name_in_another(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HEAD + BOLT + "    neighbours: [Zorb the Alien]\n")
    (tmp_path / "b.yaml").write_text(HEAD + ZORB)
    [problem] = problems(tmp_path)
    assert "a.yaml:7: 'Zorb the Alien' must survive bolt" in problem
    assert "b.yaml:5" in problem


@pytest.mark.parametrize(
    ("name", "fix"),
    [("a.yml", "rename it to a.yaml"), ("a.csv", "expunge import"), ("A.yaml", "rename it to a.yaml"),
     ("original.yaml", "original-1.yaml"), ("releases.yaml", "releases-1.yaml"),
     ("two words.yaml", "two-words.yaml"), ("con.yaml", "con-1.yaml")],
)  # fmt: skip
def test_names_of_files(name: str, fix: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(HEAD + BOLT)
    assert fix in problems(tmp_path)[0]


def test_links_and_folders(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside.yaml", tmp_path / "concepts"
    (folder / "sub").mkdir(parents=True)
    outside.write_text(HEAD + BOLT)
    (folder / "link.yaml").symlink_to(outside)
    (folder / "dead.yaml").symlink_to(folder / "nothing.yaml")
    (folder / "sub" / "x.yaml").write_text(HEAD + BOLT)
    dead, link, sub = problems(folder)
    assert "is not a file" in dead
    assert "leaves" in link
    assert "folder with lists" in sub


def test_one_list_is_checked_with_the_others_as_context(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HEAD + BOLT)
    (tmp_path / "b.yaml").write_text(HEAD + ZORB + "    neighbours: [bolt the robot]\n    colour: red\n")
    (tmp_path / "c.yaml").write_text(HEAD + BOLT.replace("bolt", "snowby"))
    (tmp_path / "d.yaml").write_text("title: [")
    [kept] = problems(tmp_path / "a.yaml")  # forgotten here and kept there: it stands in b, and touches a as well
    assert "b.yaml:7: 'bolt the robot' must survive zorb" in kept and "a.yaml:5" in kept
    assert len(problems(tmp_path / "b.yaml")) == 2
    assert [c.id for c in load_list(tmp_path / "c.yaml", list_rules()).concepts] == ["snowby"]
    assert len(problems(tmp_path)) == 3


@pytest.mark.parametrize(
    ("name", "what"),
    [("a.yml", "rename it to a.yaml"), ("none.yaml", "is missing"), (".a.yaml", "begins with a dot"),
     ("README.md", "is not a concept list")],
)  # fmt: skip
def test_a_file_that_is_no_list(name: str, what: str, tmp_path: Path) -> None:
    if name != "none.yaml":
        (tmp_path / name).write_text(HEAD + BOLT)
    [problem] = problems(tmp_path / name)
    assert name in problem and what in problem


def test_no_list_at_all(tmp_path: Path) -> None:
    assert "holds no concept list" in problems(tmp_path)[0]
    assert "is not a folder" in problems(tmp_path / "nothing")[0]


def test_a_folder_that_may_not_be_read_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", refuse)
    [problem] = problems(tmp_path)
    assert "cannot be read (Permission denied)" in problem


def test_the_members_of_a_category_are_not_optional(tmp_path: Path) -> None:
    for key, optional in (("members", False), ("aliases", True)):
        (tmp_path / "a.yaml").write_text(HEAD + f"  - {{id: a, name: b, kind: category, {key}: []}}\n")
        [said] = [line for line in problems(tmp_path) if f"`{key}` is empty" in line]
        assert ("take `" in said) == optional
