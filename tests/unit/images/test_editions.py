from pathlib import Path

import pytest

from minetlab.images.editions import content_digest, forget_editions, known_edition, record_edition
from minetlab.images.recipe import ImageRecipe
from minetlab.util.errors import LabError
from tests.support.mirror import FIRST, edition

RECIPE = ImageRecipe(name="base", suite="trixie", packages=("zsh",))
OTHER = ImageRecipe(name="other", suite="trixie")


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def test_the_edition_of_a_recipe_is_kept() -> None:
    assert known_edition(RECIPE) is None
    record_edition(RECIPE, edition(), FIRST)
    record_edition(OTHER, edition(FIRST.replace(day=9)))
    known = known_edition(RECIPE)
    assert known
    assert (known.edition, known.seen) == (edition(), FIRST)


def test_an_image_has_another_name_for_each_edition() -> None:
    digests = [content_digest(RECIPE)]
    for day in (1, 9):
        record_edition(RECIPE, edition(FIRST.replace(day=day)))
        digests.append(content_digest(RECIPE))
    assert len({*digests, content_digest(OTHER)}) == 4
    record_edition(RECIPE, edition(), FIRST.replace(day=20))
    assert content_digest(RECIPE) == digests[1]


def test_only_what_is_named_is_forgotten() -> None:
    record_edition(RECIPE, edition())
    record_edition(OTHER, edition())
    forget_editions([RECIPE])
    assert known_edition(RECIPE) is None
    assert known_edition(OTHER)


def test_nothing_is_written_where_nothing_is_known(state: Path) -> None:
    forget_editions([RECIPE])
    assert not list(state.glob("*"))


def test_a_damaged_file_is_named(state: Path) -> None:
    record_edition(RECIPE, edition())
    (state / "editions.json").write_text("{")
    with pytest.raises(LabError, match=r"editions\.json cannot be read"):
        known_edition(RECIPE)
