"""Keys that let people into machines: files of containers and site, and students' own files. No I/O."""

import io
import tarfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise

from minetlab.lab import GuestNetwork, NatNetwork
from minetlab.lab.student import SSH_KEY_TYPES


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


def sessions_of(accounts: Iterable[str]) -> str:
    """Return the regular expression of pgrep(1) for the command lines of sshd's processes of a session.

    :param accounts: the accounts that were logged into.
    :return: the expression; it does not match the sshd that listens.
    """
    return f"^sshd(-session)?: ({'|'.join(accounts)})([@ ]|$)"


def guest_logins(network: GuestNetwork, keys: Iterable[str]) -> list[str]:
    """Return lines of a guest's ``authorized_keys`` that let these keys in, from wherever its logins come.

    Behind NAT, all logins come from the host: through the jump account, or through the administrator's.

    :param network: the network of the host's guests.
    :param keys: public keys, each as ``type key comment``.
    :return: a line for each key.
    """
    options = f'from="{network.gateway}" ' if isinstance(network, NatNetwork) else ""
    return [f"{options}{key}" for key in keys]


def with_keys_replaced(text: str, add: Collection[str], drop: Collection[str]) -> str:
    """Return the text of an ``authorized_keys`` file with some keys added and others removed.

    Only the encoded key is compared, not options or comments: see AUTHORIZED_KEYS FILE FORMAT in sshd(8).

    :param text: the present content of the file.
    :param add: lines for the keys that the file shall have, each as ``options type key comment``.
    :param drop: public keys to remove, each as ``type key comment``.
    :return: the new content of the file.
    """
    dropped = set(map(_encoded, drop))
    lines = [line for line in text.splitlines() if dropped.isdisjoint(line.split())]
    present = {word for line in lines if not line.lstrip().startswith("#") for word in line.split()}
    lines += [line for line in add if _encoded(line) not in present]
    return "".join(f"{line}\n" for line in lines)


def _encoded(line: str) -> str:
    """Return the encoded key of a line whose options, if it has any, have no spaces."""
    return next(key for word, key in pairwise(line.split()) if word in SSH_KEY_TYPES)
