"""The file that remembers earlier verifications. It is only used to compare new ones with them."""

from pathlib import Path

from pydantic import ValidationError

from minetlab.claims.changes import EarlierRuns, Run
from minetlab.util.errors import LabError
from minetlab.util.files import make_folder, write_private
from minetlab.util.paths import state_dir


def path_of(lab: str, inventory: Path, *, everything: bool) -> Path:
    """Return the file that remembers the verifications of a lab.

    Each inventory has its own, because several can describe the same lab: one of a rehearsal in the sandbox,
    for example. Only verifications of the whole lab are kept in it.

    :param lab: name of the lab.
    :param inventory: the inventory file.
    :param everything: whether these verifications type the sheets and measure as well. They are kept apart,
        since they have more checks.
    :return: path of the file, which need not exist.
    """
    kind = "all" if everything else "quick"
    return state_dir() / "labs" / lab / f"verified-{inventory.stem}-{kind}.json"


def read(path: Path) -> EarlierRuns:
    """Read which verifications are remembered.

    :param path: the file, as :func:`path_of` names it.
    :return: the verifications; none if there is no file.
    :raises LabError: the file cannot be read, or is damaged.
    """
    try:
        return EarlierRuns.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return EarlierRuns()
    except (OSError, ValidationError):
        raise LabError(
            f"{path} cannot be read as a record of earlier verifications",
            next_step="delete it: the next verification makes a new one",
        ) from None


def keep(path: Path, run: Run, *, green: bool) -> None:
    """Remember one more verification; a file that cannot be read is replaced.

    :param path: the file, as :func:`path_of` names it.
    :param run: the verification.
    :param green: whether nothing failed in it.
    :raises LabError: the file cannot be written.
    """
    try:
        past = read(path)
    except LabError:
        past = EarlierRuns()
    make_folder(path.parent, private=True)
    write_private(path, past.then(run, green=green).model_dump_json())
