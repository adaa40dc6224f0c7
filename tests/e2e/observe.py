"""What really stands on the hosts, read by libvirt's and Docker's APIs and not by the project's own facts.

Both daemons' sockets are forwarded over the host's SSH connection.
"""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import libvirt

State = dict[str, list[str]]

# Folders in which libvirt leaves things of domains and networks behind if they are not removed with them.
LIBVIRT_LEFTOVERS = (
    "/etc/libvirt/qemu /var/lib/libvirt/qemu/nvram /var/lib/libvirt/qemu/save /var/lib/libvirt/qemu/snapshot"
    " /var/lib/libvirt/images /var/lib/libvirt/dnsmasq /var/log/libvirt/qemu /etc/libvirt/storage"
)


def ssh(config: Path, host: str, command: str) -> str:
    """Run a command on a host and return what it prints."""
    argv = ["ssh", "-F", str(config), host, command]
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=120).stdout


@contextmanager
def forwarded(config: Path, host: str, remote_socket: str, local_socket: Path) -> Iterator[Path]:
    """A Unix socket of the host, reachable here."""
    argv = ["ssh", "-F", str(config), "-S", "none", "-N", "-o", "ExitOnForwardFailure=yes"]
    process = subprocess.Popen([*argv, "-L", f"{local_socket}:{remote_socket}", host])
    try:
        deadline = time.monotonic() + 60
        while not listens(local_socket):
            assert process.poll() is None, f"ssh to {host} ended with {process.returncode}"
            assert time.monotonic() < deadline, f"{remote_socket} of {host} was not forwarded within 60 s"
            time.sleep(0.1)
        yield local_socket
    finally:
        process.terminate()
        process.wait(timeout=30)
        local_socket.unlink(missing_ok=True)


def listens(unix_socket: Path) -> bool:
    """Whether somebody can connect: ssh makes the socket's file a moment before it listens."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(unix_socket)) == 0


def kvm_host(config: Path, host: str, scratch: Path) -> State:
    """Every domain, network, pool, volume and bridge, and the files libvirt keeps for them."""
    with forwarded(config, host, "/run/libvirt/libvirt-sock", scratch / "libvirt.sock") as path:
        connection = libvirt.open(f"qemu+unix:///system?socket={path}")
        pools = connection.listAllStoragePools()
        state = {
            "domains": [domain.name() for domain in connection.listAllDomains()],
            "networks": [network.name() for network in connection.listAllNetworks()],
            "pools": [pool.name() for pool in pools],
            "volumes": [name for pool in pools if pool.isActive() for name in pool.listVolumes()],
        }
        connection.close()
    state |= logins(config, host)
    state["bridges"] = ssh(config, host, "ip -brief link show type bridge | cut -d' ' -f1").split()
    # libvirt makes folders for itself when it first needs them: without the lab's name they are nobody's.
    ours = r"\( -not -type d -o -name '*minet*' \)"
    find = f"find {LIBVIRT_LEFTOVERS} -not -name 'default*' {ours} 2>/dev/null || true"
    state["files"] = ssh(config, host, find).splitlines()
    return {kind: sorted(names) for kind, names in state.items()}


def logins(config: Path, host: str) -> State:
    """Every account and group of the host, and every file that tells its sshd what to do."""
    return {
        "accounts": ssh(config, host, "getent passwd").splitlines(),
        "groups": ssh(config, host, "getent group").splitlines(),
        "sshd": ssh(config, host, "find /etc/ssh").splitlines(),
    }


def container_host(config: Path, host: str, scratch: Path) -> State:
    """Every container, image, network and volume of Docker, and every bridge."""
    with forwarded(config, host, "/run/docker.sock", scratch / "docker.sock") as path:
        client = docker.DockerClient(base_url=f"unix://{path}", timeout=120)
        state = {
            "containers": [str(container.name) for container in client.containers.list(all=True)],
            "images": [str(image.id) for image in client.images.list(all=True)],
            "networks": [str(network.name) for network in client.networks.list()],
            "volumes": [str(volume.name) for volume in client.volumes.list()],
        }
        client.close()
    state |= logins(config, host)
    state["bridges"] = ssh(config, host, "ip -brief link show type bridge | cut -d' ' -f1").split()
    return {kind: sorted(names) for kind, names in state.items()}
