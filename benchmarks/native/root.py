"""The root file system that all native hosts share, below what each of them writes."""

import shutil
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from benchmarks.native.machine import CPUINFO
from minetlab.images import ImageFile, ImageRecipe, Progress, build_rootfs
from minetlab.images.cache import locked
from minetlab.lab.packages import CONTAINER_HOST_PACKAGES, KVM_HOST_PACKAGES
from minetlab.util.paths import cache_dir
from minetlab.util.process import at_the_latest_on_exit, run

_PACKAGES = (
    "ca-certificates",
    "dbus",
    "iproute2",
    "nftables",
    "openssh-server",
    "procps",
    "sudo",
    "systemd-sysv",
    *KVM_HOST_PACKAGES[13],
    *CONTAINER_HOST_PACKAGES[13],
)
_HOOKS = (
    "rm -f /etc/ssh/ssh_host_*; : >/etc/machine-id",
    # Listening on addresses that a host does not have yet, they would fail.
    "systemctl mask libvirtd-tls.socket libvirtd-tcp.socket",
    "systemctl mask apt-daily.timer apt-daily-upgrade.timer fstrim.timer",
    # AppArmor is the kernel's, which belongs to the machine.
    "systemctl mask apparmor.service",
    "systemctl disable ssh.socket; systemctl enable ssh.service systemd-networkd.service proc-cpuinfo.mount",
)
# No resolver answers in the network of native hosts: neither sshd nor a wrong name shall wait for one.
_FILES = (
    ImageFile(
        path="/etc/systemd/system/proc-cpuinfo.mount",
        content=f"[Mount]\nWhat={CPUINFO}\nWhere=/proc/cpuinfo\nOptions=bind\n"
        "[Install]\nRequiredBy=local-fs.target\n",
    ),
    ImageFile(path="/etc/resolv.conf", content=""),
    ImageFile(path="/etc/ssh/sshd_config.d/native.conf", content="UseDNS no\nPasswordAuthentication no\n"),
)


def native_root(packages: Iterable[str], progress: Progress) -> Path:
    """Return the folder of the root file system, made first unless the cache has it (90 s, 700 MB).

    :param packages: Debian packages that it has beside those of the roles.
    :raises LabError: mmdebstrap cannot run here or failed, or there is no room.
    """
    recipe = ImageRecipe(
        name="native-host",
        suite="trixie",
        packages=tuple(sorted({*_PACKAGES, *packages})),
        files=_FILES,
        hooks=_HOOKS,
    )
    folder = cache_dir() / "native"
    target = folder / recipe.file_stem
    with locked(folder / ".lock", "root of native hosts", progress):
        if not target.is_dir():
            _unpack(build_rootfs(recipe, progress), target)
    return target


def _unpack(tar: Path, target: Path) -> None:
    partial_root = target.with_name(f".{target.name}.partial")
    discard = partial(shutil.rmtree, partial_root, ignore_errors=True)
    discard()
    partial_root.mkdir()
    with at_the_latest_on_exit(discard):
        run(["tar", "-C", str(partial_root), "--numeric-owner", "-xpf", str(tar)])
        partial_root.replace(target)
