"""The identity of a sandbox host: its name and keys, made once, and handed to it at every boot."""

import io
import tarfile
import uuid
from pathlib import Path

from minetlab.secrets.keys import key_pair

CLIENT_KEY = "client_key"
HOST_KEY = "host_key"
KNOWN_HOSTS_FILE = "known_hosts"
HOSTNAME_FILE = "hostname"
IDENTITY = (CLIENT_KEY, f"{CLIENT_KEY}.pub", HOST_KEY, f"{HOST_KEY}.pub", HOSTNAME_FILE)
"""The files of a host's identity, in its state folder."""


def ensure_identity(folder: Path, name: str) -> dict[str, Path]:
    """Make the files of a host's identity that are missing.

    :param folder: the host's state folder.
    :param name: the host's name, which becomes its host name.
    :return: the systemd credentials that give the machine its identity: credential name to file.
    :raises LabError: ssh-keygen is missing or fails.
    """
    for key in (CLIENT_KEY, HOST_KEY):
        key_pair(folder / key, f"minet-lab sandbox {name}")
    hostname = folder / HOSTNAME_FILE
    hostname.write_text(name)
    return {
        "minetlab.hostname": hostname,
        "minetlab.authorized_keys": folder / f"{CLIENT_KEY}.pub",
        "minetlab.host_key": folder / HOST_KEY,
    }


def identity_archive(folder: Path, name: str) -> bytes:
    """Return the identity of a host that is resumed instead of booted, as a tar archive.

    :param folder: the host's state folder.
    :param name: the host's name, which becomes its host name.
    :return: the archive: a file per credential of :func:`ensure_identity`, and a new machine-id.
    :raises LabError: ssh-keygen is missing or fails.
    """
    files = {credential: path.read_bytes() for credential, path in ensure_identity(folder, name).items()}
    files["minetlab.machine_id"] = f"{uuid.uuid4().hex}\n".encode()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for file, content in files.items():
            member = tarfile.TarInfo(file)
            member.size, member.mode = len(content), 0o600
            tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


def pin_host_key(folder: Path, port: int) -> None:
    """Write the known_hosts file with the host's own key, so that the first connection is verified, too."""
    key_type, key = (folder / f"{HOST_KEY}.pub").read_text().split()[:2]
    (folder / KNOWN_HOSTS_FILE).write_text(f"[127.0.0.1]:{port} {key_type} {key}\n")
