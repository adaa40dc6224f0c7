"""Files that let people into containers and the TP site: which have changed, and their archive. No I/O."""

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True)
class AccessFile:
    """A file that belongs to the account as which a container's server runs.

    :param content: what is in it.
    :param mode: its permissions.
    """

    content: bytes
    mode: int


def outdated(wanted: Mapping[str, AccessFile], observed: Mapping[str, str]) -> dict[str, AccessFile]:
    """Return the wanted files that a host lacks, or has with another content.

    :param wanted: the files by path.
    :param observed: SHA-256 by path, in hexadecimal, of the files that the host has.
    :return: the files to write, by path.
    """
    return {
        path: file for path, file in wanted.items() if observed.get(path) != sha256(file.content).hexdigest()
    }


def archive(files: Mapping[str, AccessFile], owner: int) -> bytes:
    """Pack files, and the folders they are in, into a tar file.

    :param files: the files by path, as they are named in the archive.
    :param owner: numeric user and group of the files; the folders belong to root.
    :return: the content of the tar file.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for folder in sorted({path.rpartition("/")[0] for path in files}):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for path, file in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.uid = entry.gid = owner
            entry.mode, entry.size = file.mode, len(file.content)
            tar.addfile(entry, io.BytesIO(file.content))
    return buffer.getvalue()
