import pytest

from minetlab.images.mirror import present_edition
from minetlab.util.errors import LabError
from tests.support.mirror import FIRST, Mirror


def test_the_mirror_says_what_it_has(mirror: Mirror) -> None:
    later = mirror.publish(FIRST.replace(day=9), "fixes")
    assert present_edition("trixie") == later


def test_a_mirror_that_is_silent_is_an_error_of_the_network(mirror: Mirror) -> None:
    mirror.fail()
    with pytest.raises(LabError, match=r"(?s)what it has of trixie.*Temporary failure") as caught:
        present_edition("trixie")
    assert "network" in caught.value.next_step


def test_an_answer_that_cannot_be_read_is_an_error_of_the_mirror(mirror: Mirror) -> None:
    for file in mirror.folder.glob("*_InRelease"):
        file.write_text("<html>log in first</html>")
    with pytest.raises(LabError, match="what it has of trixie: the InRelease file of a suite lacks"):
        present_edition("trixie")
