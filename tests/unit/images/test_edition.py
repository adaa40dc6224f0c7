import pytest

from minetlab.images.edition import read_edition
from tests.support.mirror import FIRST, edition, in_release


def test_an_edition_is_read_from_the_files_of_its_suites_in_any_order() -> None:
    wanted = edition(FIRST.replace(day=9), "fixes")
    files = [in_release(release) for release in wanted.releases]
    assert read_edition(files) == read_edition(reversed(files)) == wanted
    assert wanted.title == "trixie 13.2 of 2026-11-01, trixie-security of 2026-11-09"


def test_an_edition_has_the_date_of_the_suite_that_changed_last() -> None:
    later = edition(FIRST.replace(day=9))
    assert later.date == FIRST.replace(day=9)
    assert later.epoch == 1794225600
    assert later.id.startswith("20261109-")


def test_any_change_makes_another_edition() -> None:
    same, moved, other = edition(), edition(FIRST.replace(hour=13)), edition(FIRST, "fixes")
    assert len({same.id, moved.id, other.id}) == 3
    assert edition().id == same.id
    assert same.has_the_packages_of(moved)
    assert not same.has_the_packages_of(other)


@pytest.mark.parametrize("line", ["Codename", "Suite", "Date"])
def test_a_file_without_what_an_edition_needs_is_refused(line: str) -> None:
    (release, _) = edition().releases
    text = in_release(release)
    with pytest.raises(ValueError, match="lacks"):
        read_edition([text.replace(f"{line}: ", "Other: ")])
    with pytest.raises(ValueError, match="lacks"):
        read_edition([text.replace("main/binary-amd64/Packages\n", "main/binary-arm64/Packages\n")])
