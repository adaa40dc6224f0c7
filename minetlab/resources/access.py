"""Keys that let people into machines: files of containers and site, and students' own files. No I/O."""

import io
import tarfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True)
class AccessFile:
    """A file to write on a host, such as for the account as which a container's server runs.

    :param content: what is in it.
    :param mode: its permissions.
    :param owner: the number of its user and group.
    """

    content: bytes
    mode: int
    owner: int = 0

    @property
    def observed(self) -> "ObservedFile":
        """What a host shows that has it."""
        return ObservedFile(sha256(self.content).hexdigest(), self.owner)


@dataclass(frozen=True)
class ObservedFile:
    """A file as a host shows it.

    :param sha256: the SHA-256 of its content, in hexadecimal.
    :param owner: the number of its user.
    """

    sha256: str
    owner: int


def outdated(wanted: Mapping[str, AccessFile], observed: Mapping[str, ObservedFile]) -> dict[str, AccessFile]:
    """Return the wanted files that a host lacks, or has with another content or owner.

    :param wanted: the files by path.
    :param observed: the files that the host has, by path.
    :return: the files to write, by path.
    """
    return {path: file for path, file in wanted.items() if observed.get(path) != file.observed}


def archive(files: Mapping[str, AccessFile]) -> bytes:
    """Pack files, and the folders they are in, which belong to root, into a tar file.

    :param files: the files by path, as they are named in the archive.
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
            entry.uid = entry.gid = file.owner
            entry.mode, entry.size = file.mode, len(file.content)
            tar.addfile(entry, io.BytesIO(file.content))
    return buffer.getvalue()


def with_keys_replaced(text: str, add: Collection[str], drop: Collection[str]) -> str:
    """Return the text of an ``authorized_keys`` file with some keys added and others removed.

    Only the encoded key is compared, not options or comments: see AUTHORIZED_KEYS FILE FORMAT in sshd(8).

    :param text: the present content of the file.
    :param add: public keys that the file shall have, each as ``type key comment``.
    :param drop: public keys to remove, in the same form.
    :return: the new content of the file.
    """
    dropped = {key.split()[1] for key in drop}
    lines = [line for line in text.splitlines() if dropped.isdisjoint(line.split())]
    present = {word for line in lines if not line.lstrip().startswith("#") for word in line.split()}
    lines += [key for key in add if key.split()[1] not in present]
    return "".join(f"{line}\n" for line in lines)
