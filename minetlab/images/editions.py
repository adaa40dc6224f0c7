"""The editions of this user's images: a file that says from which state of the mirror each recipe is built.

It keeps an unchanged lab unchanged while the mirror moves on: an image has its edition in its name, and only
a build changes the edition of a recipe.
"""

import hashlib
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, TypeAdapter

from minetlab.images.edition import Edition
from minetlab.images.recipe import ImageRecipe
from minetlab.util.errors import LabError
from minetlab.util.files import lock_folder, write_private
from minetlab.util.paths import state_dir


class KnownEdition(BaseModel, frozen=True):
    """The edition that a recipe was last built from.

    :param name: the name of the recipe, for people who read the file.
    :param edition: the state of the mirror.
    :param seen: when the mirror was last seen to have nothing newer for it.
    """

    name: str
    edition: Edition
    seen: datetime


_FILE = TypeAdapter(dict[str, KnownEdition])


def known_edition(recipe: ImageRecipe) -> KnownEdition | None:
    """Return the edition that a recipe was last built from; None if it was not built yet."""
    return _read().get(recipe.digest)


def record_edition(recipe: ImageRecipe, edition: Edition, seen: datetime | None = None) -> None:
    """Record from which edition a recipe is built.

    :param recipe: the recipe.
    :param edition: the edition; from now on, the names of the recipe's images have it.
    :param seen: when the mirror was seen to have nothing newer for it; None: now.
    :raises LabError: the file cannot be read or written.
    """
    known = KnownEdition(name=recipe.name, edition=edition, seen=seen or datetime.now(UTC))
    _change({recipe.digest: known})


def forget_editions(recipes: Collection[ImageRecipe]) -> None:
    """Forget from which editions these recipes were built, so that they are built from the present one."""
    if any(known_edition(recipe) for recipe in recipes):
        _change({recipe.digest: None for recipe in recipes})


def content_digest(recipe: ImageRecipe) -> str:
    """Return a hash of all that an image is made of, recipe and edition, for its name on hosts.

    :param recipe: the image's recipe.
    :return: 64 hexadecimal digits; of a recipe that was not built yet, they name no image that exists.
    :raises LabError: the file of editions cannot be read.
    """
    known = known_edition(recipe)
    edition = known.edition.id if known else ""
    return hashlib.sha256(f"{recipe.digest}\n{edition}".encode()).hexdigest()


def _file() -> Path:
    return state_dir() / "editions.json"


def _read() -> dict[str, KnownEdition]:
    try:
        return _FILE.validate_json(_file().read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise LabError(
            f"{_file()} cannot be read: {error}",
            next_step="restore it, or remove it: lab up then builds the images anew",
        ) from error


def _change(changes: dict[str, KnownEdition | None]) -> None:
    with lock_folder(state_dir()):
        merged = {**_read(), **changes}
        kept = {digest: known for digest, known in merged.items() if known is not None}
        write_private(_file(), _FILE.dump_json(kept, indent=2))
