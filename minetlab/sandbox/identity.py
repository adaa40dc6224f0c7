"""Who a sandbox host is: its name and keys, made once, and handed to it at every boot."""

import io
import tarfile
import uuid
from pathlib import Path

from minetlab.util.process import run

CLIENT_KEY = "client_key"
HOST_KEY = "host_key"
KNOWN_HOSTS = "known_hosts"
HOSTNAME = "hostname"
IDENTITY = (CLIENT_KEY, f"{CLIENT_KEY}.pub", HOST_KEY, f"{HOST_KEY}.pub", HOSTNAME)
"""Files that say who a host is, once they are made."""


def ensure_identity(folder: Path, name: str) -> dict[str, Path]:
    """Make the keys that are missing in ``folder``.

    :param folder: the host's state folder.
    :returns: the systemd credentials that tell the machine who it is, by name.
    :raises LabError: ssh-keygen is missing.
    """
    for key in (CLIENT_KEY, HOST_KEY):
        _ensure_key(folder / key, f"minet-lab sandbox {name}")
    hostname = folder / HOSTNAME
    hostname.write_text(name)
    return {
        "minetlab.hostname": hostname,
        "minetlab.authorized_keys": folder / f"{CLIENT_KEY}.pub",
        "minetlab.host_key": folder / HOST_KEY,
    }


def identity_archive(folder: Path, name: str) -> bytes:
    """Who the host is, as a tar archive of the same files, for one that resumes instead of booting.

    :param folder: the host's state folder.
    """
    files = {name: path.read_bytes() for name, path in ensure_identity(folder, name).items()}
    files["minetlab.machine_id"] = f"{uuid.uuid4().hex}\n".encode()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for file, content in files.items():
            member = tarfile.TarInfo(file)
            member.size, member.mode = len(content), 0o600
            tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


def pin_host_key(folder: Path, port: int) -> None:
    """Write the known_hosts file: the key is ours, so no first connection is taken on trust."""
    key_type, key = (folder / f"{HOST_KEY}.pub").read_text().split()[:2]
    (folder / KNOWN_HOSTS).write_text(f"[127.0.0.1]:{port} {key_type} {key}\n")


def _ensure_key(path: Path, comment: str) -> None:
    public = path.with_name(f"{path.name}.pub")
    if path.exists() and public.exists():
        return
    partial = path.with_name(f".{path.name}")
    for leftover in (path, public, partial):
        leftover.unlink(missing_ok=True)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(partial)])
    partial.with_name(f"{partial.name}.pub").replace(public)
    partial.replace(path)
