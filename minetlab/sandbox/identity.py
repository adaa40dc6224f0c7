"""Who a sandbox host is: its name and keys, made once, and handed to it at every boot."""

from pathlib import Path

from minetlab.images.process import run

CLIENT_KEY = "client_key"
HOST_KEY = "host_key"
KNOWN_HOSTS = "known_hosts"


def ensure_identity(folder: Path, name: str) -> dict[str, Path]:
    """Make the keys that are missing in ``folder``.

    :param folder: the host's state folder.
    :returns: the systemd credentials that tell the machine who it is, by name.
    :raises LabError: ssh-keygen is missing.
    """
    for key in (CLIENT_KEY, HOST_KEY):
        _ensure_key(folder / key, f"minet-lab sandbox {name}")
    hostname = folder / "hostname"
    hostname.write_text(name)
    return {
        "minetlab.hostname": hostname,
        "minetlab.authorized_keys": folder / f"{CLIENT_KEY}.pub",
        "minetlab.host_key": folder / HOST_KEY,
    }


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
