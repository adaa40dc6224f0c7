"""The tools that PyPI has: an environment of their own in the cache, of exactly what ``peers.lock`` says.

The lock is made by ``uv pip compile --universal --generate-hashes --python-version 3.11 peers.in``.
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
# Pure Python, for a host, whose Debian has what is compiled: PyYAML, Jinja, libvirt-python.
_FOR_HOSTS = ("argcomplete", "kcli*", "kvirt", "prettytable", "virt_lightning*", "wcwidth")


def peers_environment(progress: Progress) -> Path:
    """Return the folder of the environment, made first unless the cache has it (two minutes, 700 MB).

    :raises LabError: one of the tools cannot be had.
    """
    content = f"{sys.version_info[:2]}\n{_LOCK.read_text()}"
    folder = cache_dir() / "peers"
    target = folder / hashlib.sha256(content.encode()).hexdigest()[:12]
    what = "the other tools' Python environment"
    with locked(folder / ".lock", what, progress):
        done = target / "done"
        if not done.exists():
            discard = partial(_discard_unless, done)
            discard()
            with at_the_latest_on_exit(discard):
                run([sys.executable, "-m", "venv", "--clear", str(target)])
                install = [str(target / "bin/pip"), "install", "--require-hashes", "-r", str(_LOCK)]
                run_logged(install, folder / "install.log", what, progress)
                done.touch()
    return target


def for_hosts(environment: Path) -> list[Path]:
    """The folders of it that a host needs to run these tools itself."""
    (site,) = environment.glob("lib/python*/site-packages")
    return [path for pattern in _FOR_HOSTS for path in sorted(site.glob(pattern))]


def _discard_unless(done: Path) -> None:
    if not done.exists():
        shutil.rmtree(done.parent, ignore_errors=True)
