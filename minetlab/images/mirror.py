"""Ask the Debian mirror for its present state, by apt, which verifies Debian's signatures."""

import tempfile
from pathlib import Path

from minetlab.images.edition import Edition, read_edition
from minetlab.images.mmdebstrap import proxy
from minetlab.images.recipe import Suite
from minetlab.util.errors import LabError
from minetlab.util.process import TooMuchError, capture
from minetlab.util.text import first_line

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MIRROR_LIMIT = 60
"""Seconds that the mirror may take for the InRelease files, a few hundred kilobytes."""
# As mmdebstrap writes them; a build compares the releases that it has used with those that were read here.
_SOURCES = (
    "deb [signed-by={keyring}] http://deb.debian.org/debian {suite} main",
    "deb [signed-by={keyring}] http://deb.debian.org/debian {suite}-updates main",
    "deb [signed-by={keyring}] http://security.debian.org/debian-security {suite}-security main",
)


def present_edition(suite: Suite) -> Edition:
    """Ask the mirror for the present state of a Debian release, with its updates and security fixes.

    :param suite: the code name of the release.
    :return: the edition that an image would be built from now.
    :raises LabError: the mirror does not answer, or its answer is not signed by Debian.
    """
    with tempfile.TemporaryDirectory(prefix="minet-lab-mirror-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # apt fetches files as a user of its own
        (folder / "sources.list").write_text(
            "".join(f"{line.format(keyring=KEYRING, suite=suite)}\n" for line in _SOURCES)
        )
        (folder / "lists" / "partial").mkdir(parents=True)
        update = ["apt-get", "update", "--quiet", *_options(folder)]
        try:
            ended = capture(update, MIRROR_LIMIT, env=proxy())
            if ended.status:
                raise ValueError(first_line(ended.errors))
            return read_edition(file.read_text() for file in (folder / "lists").glob("*_InRelease"))
        except (TimeoutError, TooMuchError, ValueError) as error:
            raise LabError(
                f"Debian's mirror does not say what it has of {suite}: {error}",
                next_step="see this machine's network: images are built from Debian's packages",
            ) from error


def _options(folder: Path) -> list[str]:
    """Return options with which apt reads and writes nothing of this machine's own state."""
    options = {
        "Dir::Etc::SourceList": folder / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": folder / "lists",
        "Dir::Cache": folder,
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "Debug::NoLocking": "true",
        "APT::Update::Error-Mode": "any",
        "APT::Update::Post-Invoke": "",
        "APT::Update::Post-Invoke-Success": "",
        # The InRelease files alone: the lists of packages are megabytes.
        **{f"Acquire::IndexTargets::deb::{kind}::DefaultEnabled": "false" for kind in _INDEXES},
        "Acquire::Languages": "none",
    }
    return [f"--option={name}={value}" for name, value in options.items()]


_INDEXES = ("Packages", "Translations", "Contents-deb", "DEP-11", "DEP-11-icons", "DEP-11-icons-small", "CNF")
