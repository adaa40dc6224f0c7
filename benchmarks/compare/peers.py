"""The tools from PyPI: a Python environment in the cache, with exactly the packages of ``peers.lock``.

The lock file is made by ``uv pip compile --universal --generate-hashes --python-version 3.11 peers.in``.
"""

import hashlib
import shutil
import sys
from functools import partial
from pathlib import Path

from benchmarks.compare.contestant import HERE
from minetlab.images import Progress
from minetlab.images.cache import locked
from minetlab.util.paths import cache_dir
from minetlab.util.process import at_the_latest_on_exit, run, run_logged

_LOCK = HERE / "peers.lock"
# Packages of pure Python, which are copied to hosts; compiled ones such as PyYAML and libvirt-python are
# Debian's.
_FOR_HOSTS = ("argcomplete", "kcli*", "kvirt", "prettytable", "virt_lightning*", "wcwidth")


def peers_environment(progress: Progress) -> Path:
    """Return the folder of the environment; if the cache lacks it, make it first, which takes two minutes.

    :param progress: called with each line that says what is done.
    :return: the folder, of 700 MB.
    :raises LabError: one of the tools cannot be installed.
    """
    content = f"{sys.version_info[:2]}\n{_LOCK.read_text()}"
    folder = cache_dir() / "peers"
    target = folder / hashlib.sha256(content.encode()).hexdigest()[:12]
    label = "the other tools' Python environment"
    with locked(folder / ".lock", label, progress):
        complete = target / "done"
        if not complete.exists():
            discard = partial(_discard_unless, complete)
            discard()
            with at_the_latest_on_exit(discard):
                run([sys.executable, "-m", "venv", "--clear", str(target)])
                install = [str(target / "bin/pip"), "install", "--require-hashes", "-r", str(_LOCK)]
                run_logged(install, folder / "install.log", label, progress)
                complete.touch()
    return target


def for_hosts(environment: Path) -> list[Path]:
    """Return the files and folders of the environment that a host needs to run these tools itself."""
    (site_packages,) = environment.glob("lib/python*/site-packages")
    return [path for pattern in _FOR_HOSTS for path in sorted(site_packages.glob(pattern))]


def _discard_unless(complete: Path) -> None:
    if not complete.exists():
        shutil.rmtree(complete.parent, ignore_errors=True)
