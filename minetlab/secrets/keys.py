"""SSH key pairs that the lab generates: its own, the machines', and those of students without a key."""

import os
from dataclasses import dataclass
from pathlib import Path

from minetlab.lab import Student
from minetlab.util.files import lock_folder, write_private
from minetlab.util.paths import state_dir
from minetlab.util.process import run

ADMIN = "lab"
"""The lab's own account on every guest, and the file name of its key."""
# What the names of the files of the next key, and of the revoked public one, have after that of the current.
_NEXT, _REVOKED = ".next", ".revoked.pub"


@dataclass(frozen=True)
class KeyPair:
    """An Ed25519 key pair.

    :param private: the file of the private key, mode 0600.
    :param public: the public key, as a line for ``authorized_keys``.
    """

    private: Path
    public: str


def lab_key(lab: str) -> KeyPair:
    """Return the key pair for the lab's own account on every guest, which the verification uses."""
    return of_lab(lab).current


def guest_host_key(lab: str, guest: str) -> KeyPair:
    """Return a guest's host key; it stays the same when the guest is made anew, so that it can be pinned."""
    return key_pair(_keys_folder(lab) / "guests" / guest, comment=guest)


def container_host_key(lab: str, container: str) -> KeyPair:
    """Return a container's host key; it stays when the container is made anew, so that it can be pinned."""
    return key_pair(_keys_folder(lab) / "containers" / container, comment=container)


def student_public_key(lab: str, student: Student) -> str:
    """Return the public key for a student's machines: the one in the roster, or a generated one."""
    return student.ssh_key or student_key(lab, student.login).public


def student_public_keys(lab: str, student: Student) -> tuple[str, ...]:
    """Return all public keys for a student's machines: during a rotation, the current and the next one."""
    return (student.ssh_key,) if student.ssh_key else of_student(lab, student.login).accepted


def student_key(lab: str, login: str) -> KeyPair:
    """Return the key pair generated for a student; the first call generates it."""
    return of_student(lab, login).current


def of_lab(lab: str) -> "ReplaceableKey":
    """Return the lab's own key pair as one that can be replaced."""
    return ReplaceableKey(_keys_folder(lab) / ADMIN, f"{ADMIN}@{lab}")


def of_student(lab: str, login: str) -> "ReplaceableKey":
    """Return the key pair generated for a student as one that can be replaced."""
    return ReplaceableKey(_keys_folder(lab) / "students" / login, f"{login}@{lab}")


@dataclass(frozen=True)
class ReplaceableKey:
    """A key pair that another one can replace: the files beside it record how far that has come.

    :param file: the file of the private key.
    :param comment: the comment of a new key.
    """

    file: Path
    comment: str

    @property
    def current(self) -> KeyPair:
        """The key pair; the first use generates it."""
        return key_pair(self.file, self.comment)

    @property
    def next(self) -> KeyPair:
        """The key pair that is to replace the current one; the first use generates it."""
        return key_pair(self._beside(_NEXT), self.comment)

    @property
    def accepted(self) -> tuple[str, ...]:
        """The public keys that are to open machines: during a rotation, the current and the next one."""
        next_file = _public_file(self._beside(_NEXT))
        next_keys = (next_file.read_text(encoding="ascii").strip(),) if next_file.exists() else ()
        return (self.current.public, *next_keys)

    @property
    def revoked(self) -> str | None:
        """The old public key, which may still open some machines; None if there is none."""
        file = self._beside(_REVOKED)
        return file.read_text(encoding="ascii").strip() if file.exists() else None

    def replace(self) -> None:
        """Make the next key pair the current one, and keep the old public key as the revoked one.

        If a call is interrupted, the next call completes it.
        """
        next_file = self._beside(_NEXT)
        if self.revoked is None:
            write_private(self._beside(_REVOKED), f"{self.current.public}\n")
        if _public_file(next_file).exists():
            _public_file(next_file).rename(_public_file(self.file))
        if next_file.exists():
            next_file.rename(self.file)

    def forget_revoked(self) -> None:
        """Delete the old public key, once no machine accepts it any more."""
        self._beside(_REVOKED).unlink(missing_ok=True)

    def _beside(self, suffix: str) -> Path:
        return self.file.with_name(f"{self.file.name}{suffix}")


def key_pair(private: Path, comment: str) -> KeyPair:
    """Return the key pair in a file, and generate it with ssh-keygen if there is none.

    A public key that is missing is made from the private one.

    :param private: the private key's file.
    :param comment: the comment of a new key.
    :return: the key pair.
    :raises LabError: ssh-keygen failed, or another run has locked the folder for too long.
    """
    if not (private.exists() and _public_file(private).exists()):
        private.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with lock_folder(private.parent):
            _complete(private, comment)
    return KeyPair(private, _public_file(private).read_text(encoding="ascii").strip())


def _complete(private: Path, comment: str) -> None:
    if private.exists():  # another run may have generated it meanwhile, or this run for another host
        if not _public_file(private).exists():
            public = run(["ssh-keygen", "-y", "-f", str(private)], limit=60)
            write_private(_public_file(private), public)
        return
    new = private.with_name(f".{private.name}.{os.getpid()}")
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(new)], limit=60)
    _public_file(new).rename(_public_file(private))
    new.rename(private)


def _public_file(private: Path) -> Path:
    return private.with_name(f"{private.name}.pub")


def _keys_folder(lab: str) -> Path:
    return state_dir() / "labs" / lab / "keys"
