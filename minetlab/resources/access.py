"""What opens containers and the TP site, as files: which have changed, and how they travel. No I/O."""

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True)
class AccessFile:
    """A file that belongs to the account as which a container's server runs.

    :param mode: its permissions.
    """

    content: bytes
    mode: int


def outdated(wanted: Mapping[str, AccessFile], observed: Mapping[str, str]) -> dict[str, AccessFile]:
    """The files that are missing or have another content.

    :param observed: path to SHA-256.
    """
    return {
        path: file for path, file in wanted.items() if observed.get(path) != sha256(file.content).hexdigest()
    }


def archive(files: Mapping[str, AccessFile], owner: int) -> bytes:
    """A tar file of these, and of the folders they are in.

    :param owner: numeric user and group of the files; the folders are root's.
    """
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for folder in sorted({path.rpartition("/")[0] for path in files}):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for path, file in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.uid = entry.gid = owner
            entry.mode, entry.size = file.mode, len(file.content)
            tar.addfile(entry, io.BytesIO(file.content))
    return written.getvalue()
