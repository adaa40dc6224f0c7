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
    what: str,
    progress: Progress,
) -> None:
    """Write the root file system of a Debian release, with updates and security fixes, to a tar file.

    :param variant: the set of packages to start from, in mmdebstrap's words.
    :param options: further options of mmdebstrap: hooks, mostly.
    :param log: where its output goes.
    :raises LabError: it cannot run here, or failed.
    """
    command = [
        "mmdebstrap",
        f"--mode={mode()}",
        f"--variant={variant}",
        f"--include={','.join(packages)}",
        '--aptopt=Apt::Install-Recommends "false"',
        '--aptopt=Acquire::Languages "none"',
        *options,
        # No mirror is named: so mmdebstrap adds the updates and security suites by itself.
        suite,
        str(tar),
    ]
    run_logged(command, log, what, progress, env=_proxy())


def mode() -> str:
    """The mode that mmdebstrap runs in here, in its own words.

    :raises LabError: it cannot run here.
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
        if not any(line.startswith((f"{user}:", f"{os.getuid()}:")) for line in _lines(table)):
            raise LabError(
                f"without root, mmdebstrap needs a range of ids for {user} in {table}, which has none",
                next_step=f"as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}",
            )
    return "unshare"


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _proxy() -> dict[str, str]:
    """Hand on the proxy of this machine's apt, whose configuration mmdebstrap does not read."""
    if "http_proxy" in os.environ or not shutil.which("apt-config"):
        return {}
    shell = run(["apt-config", "shell", "proxy", "Acquire::http::Proxy"])
    proxy = shell.strip().removeprefix("proxy=").strip("'")
    return {"http_proxy": proxy} if proxy and proxy != "DIRECT" else {}
