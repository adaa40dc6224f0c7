"""Make a Debian root file system with mmdebstrap, as root or as an ordinary user."""

import getpass
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from minetlab.util.errors import LabError
from minetlab.util.process import run, run_logged
from minetlab.util.progress import Progress


def mmdebstrap(
    suite: str,
    tar: Path,
    *,
    variant: str,
    packages: Sequence[str],
    options: Sequence[str],
    log: Path,
    label: str,
    progress: Progress,
    epoch: int | None = None,
) -> None:
    """Write the root file system of a Debian release, with updates and security fixes, to a tar file.

    :param suite: the code name of the release, such as ``trixie``.
    :param tar: the file to write, uncompressed or as its suffix says (``.tar``, ``.tar.gz``).
    :param variant: the packages to start from: the value of mmdebstrap's ``--variant``.
    :param packages: the packages to add.
    :param options: further options of mmdebstrap, such as hooks.
    :param log: the file for mmdebstrap's output.
    :param label: what is being done, for messages.
    :param progress: told every ten seconds that it goes on.
    :param epoch: the time, in seconds since 1970, that files get which are made later; None: their own.
    :raises LabError: mmdebstrap cannot run on this machine, or fails.
    """
    command = [
        "mmdebstrap",
        f"--mode={mode()}",
        f"--variant={variant}",
        f"--include={','.join(packages)}",
        '--aptopt=Apt::Install-Recommends "false"',
        '--aptopt=Acquire::Languages "none"',
        *options,
        # Without a mirror in the arguments, mmdebstrap adds the updates and security suites by itself.
        suite,
        str(tar),
    ]
    reproducible = {} if epoch is None else {"SOURCE_DATE_EPOCH": str(epoch)}
    run_logged(command, log, label, progress, env=proxy() | reproducible)


def mode() -> str:
    """Return the mode in which mmdebstrap can run on this machine.

    :return: a value of mmdebstrap's ``--mode``: ``root``, or ``unshare`` for an ordinary user.
    :raises LabError: it is not installed, or this user lacks what ``unshare`` needs.
    """
    if not shutil.which("mmdebstrap"):
        raise LabError("mmdebstrap is not installed", next_step="apt-get install mmdebstrap")
    if os.geteuid() == 0:
        return "root"
    if not shutil.which("newuidmap"):
        raise LabError(
            "without root, mmdebstrap needs the program newuidmap", next_step="apt-get install uidmap"
        )
    user = getpass.getuser()
    for table in (Path("/etc/subuid"), Path("/etc/subgid")):
        lines = table.read_text().splitlines() if table.exists() else []
        if not any(line.startswith((f"{user}:", f"{os.getuid()}:")) for line in lines):
            raise LabError(
                f"without root, mmdebstrap needs a range of ids for {user} in {table}, which has none",
                next_step=f"as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}",
            )
    return "unshare"


def proxy() -> dict[str, str]:
    """Return variables with the proxy of this machine's apt, whose configuration mmdebstrap does not read."""
    if "http_proxy" in os.environ or not shutil.which("apt-config"):
        return {}
    shell = run(["apt-config", "shell", "proxy", "Acquire::http::Proxy"])
    proxy = shell.strip().removeprefix("proxy=").strip("'")
    return {"http_proxy": proxy} if proxy and proxy != "DIRECT" else {}
