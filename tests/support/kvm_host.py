"""A KVM host that answers the operations from a script: all well, or with something wrong."""

import hashlib
import shlex
from pathlib import Path

from minetlab.lab import UrlImage

STATE, KVM, SSH = "@installed", "/proc/cpuinfo", "/dev/tcp"
RUNNING, FAILED = "qemu:///system list --name", "running=$(virsh"
WORKING = ["vendor AuthenticAMD", "feature svm", "loaded kvm_amd", "nested 1", "users 0", "device yes"]
EMPTY = ["@memory", "64000", "@disk", "64000", "@installed", "@domains", "@xml"]
IDLE = "nproc"


def times(idle: int, of: int = 64) -> list[str]:
    """What a host says of so many idle processors."""
    return [str(of), "cpu 10 0 10 100 0 0 0 0 0 0", f"cpu {10 + of - idle} 0 10 {100 + idle} 0 0 0 0 0 0"]


def steps_of(thing: str) -> list[list[str]]:
    """What virsh is to do for a thing, beside others: the words of each command."""
    return [shlex.split(each) for each in thing.removeprefix("virsh ").split("; ")]


def image_at(folder: Path, content: bytes) -> UrlImage:
    path = folder / "debian.qcow2"
    path.write_bytes(content)
    return UrlImage(url=path.as_uri(), sha256=hashlib.sha256(content).hexdigest())
