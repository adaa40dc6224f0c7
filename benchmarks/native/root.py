"""The root file system that all native hosts share, as the lower layer of their overlays."""

import shutil
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from benchmarks.native.machine import CPUINFO
from minetlab.images import Progress, build_rootfs
from minetlab.images.cache import locked
from minetlab.images.recipe import ImageFile, ImageRecipe
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
    # These would fail, as they listen on addresses that a host does not have yet.
    "systemctl mask libvirtd-tls.socket libvirtd-tcp.socket",
    "systemctl mask apt-daily.timer apt-daily-upgrade.timer fstrim.timer",
    # AppArmor belongs to the kernel, which native hosts share with this machine.
    "systemctl mask apparmor.service",
    "systemctl disable ssh.socket; systemctl enable ssh.service systemd-networkd.service proc-cpuinfo.mount",
)
# No DNS resolver answers in the network of native hosts, so nothing should wait for one.
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
    """Return the folder of the root file system; if the cache lacks it, make it first, which takes 90 s.

    :param packages: Debian packages to install beside those of KVM hosts and container hosts.
    :param progress: called with each line that says what is done.
    :return: the folder, of 700 MB.
    :raises LabError: mmdebstrap cannot run here or failed, or the disk is full.
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
