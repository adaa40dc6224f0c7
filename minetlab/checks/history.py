"""The verifications that are known: what a new one is compared with, and nothing else depends on."""

from pathlib import Path

from pydantic import ValidationError

from minetlab.claims.changes import Past, Run
from minetlab.util.errors import LabError
from minetlab.util.files import make_folder, write_private
from minetlab.util.paths import state_dir


def path_of(lab: str, inventory: Path, *, everything: bool) -> Path:
    """The file for whole verifications of an inventory's lab.

    Several inventories may describe one lab, as a rehearsal in the sandbox does.

    :param everything: of those that type sheets and measure as well: their checks are others.
    """
    kind = "all" if everything else "quick"
    return state_dir() / "labs" / lab / f"verified-{inventory.stem}-{kind}.json"


def read(path: Path) -> Past:
    """What is known; nothing where there is no file.

    :raises LabError: it cannot be read.
    """
    try:
        return Past.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Past()
    except (OSError, ValidationError):
        raise LabError(
            f"{path} is not what minet-lab has written", next_step="delete it: the next run makes a new one"
        ) from None


def keep(path: Path, run: Run, *, green: bool) -> None:
    """Know one more; a file that cannot be read is replaced.

    :raises LabError: it cannot be written.
    """
    try:
        past = read(path)
    except LabError:
        past = Past()
    make_folder(path.parent, private=True)
    write_private(path, past.then(run, green=green).model_dump_json())
