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
# What the names of the files of a student's next key, and of the revoked public one, have after the login.
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
    return key_pair(_keys_folder(lab) / ADMIN, comment=f"{ADMIN}@{lab}")


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
    current = student_public_key(lab, student)
    next_file = _public_file(_student_file(lab, student.login, _NEXT))
    if student.ssh_key or not next_file.exists():
        return (current,)
    return (current, next_file.read_text(encoding="ascii").strip())


def student_key(lab: str, login: str) -> KeyPair:
    """Return the key pair generated for a student; the first call generates it."""
    return key_pair(_student_file(lab, login), comment=f"{login}@{lab}")


def next_student_key(lab: str, login: str) -> KeyPair:
    """Return the key pair that is to replace a student's; the first call generates it."""
    return key_pair(_student_file(lab, login, _NEXT), comment=f"{login}@{lab}")


def replace_student_key(lab: str, login: str) -> None:
    """Make the next key pair the student's, and keep the old public key as the revoked one.

    If a call is interrupted, the next call completes it.
    """
    current_file, next_file = _student_file(lab, login), _student_file(lab, login, _NEXT)
    revoked_file = _student_file(lab, login, _REVOKED)
    if not revoked_file.exists():
        write_private(revoked_file, f"{student_key(lab, login).public}\n")
    if _public_file(next_file).exists():
        _public_file(next_file).rename(_public_file(current_file))
    if next_file.exists():
        next_file.rename(current_file)


def revoked_student_key(lab: str, login: str) -> str | None:
    """Return the student's old public key, which may still open some machines; None if there is none."""
    file = _student_file(lab, login, _REVOKED)
    return file.read_text(encoding="ascii").strip() if file.exists() else None


def forget_revoked_student_key(lab: str, login: str) -> None:
    """Delete the student's old public key, once no machine accepts it any more."""
    _student_file(lab, login, _REVOKED).unlink(missing_ok=True)


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


def _student_file(lab: str, login: str, suffix: str = "") -> Path:
    return _keys_folder(lab) / "students" / f"{login}{suffix}"


def _public_file(private: Path) -> Path:
    return private.with_name(f"{private.name}.pub")


def _keys_folder(lab: str) -> Path:
    return state_dir() / "labs" / lab / "keys"
