"""The images of sandbox hosts: ``bare`` proves the installation, ``warm`` has the roles' packages in."""

from typing import Literal

from minetlab.images.recipe import NO_TIMER_CHECK, SUITES, ImageRecipe, files_of
from minetlab.lab.packages import CONTAINER_HOST_PACKAGES, KVM_HOST_PACKAGES
from minetlab.util.paths import TEMPLATES

ImageKind = Literal["bare", "warm"]

_PACKAGES = (
    "ca-certificates",
    "dbus",
    "initramfs-tools",
    "iproute2",
    "kmod",
    "libpam-systemd",
    "linux-image-amd64",
    "openssh-server",
    "procps",
    "qemu-guest-agent",
    "systemd-sysv",
    "udev",
    "util-linux-extra",  # hwclock
    "zstd",
)
# An emulated processor speculates on nothing, and each of its timers' interrupts takes guests a millisecond
# (docs/decisions/emulated-hosts-are-lean.md).
_KERNEL_ARGUMENTS = f"console=ttyS0 {NO_TIMER_CHECK} mitigations=off highres=off nowatchdog audit=0"
_HOOKS = (
    "rm -f /etc/ssh/ssh_host_*",
    "systemctl enable minetlab-identity.service systemd-networkd.service",
    "systemctl mask apt-daily.timer apt-daily-upgrade.timer",
    # The resolver of QEMU's user-mode network.
    "echo nameserver 10.0.2.3 >/etc/resolv.conf",
)
_WARM_HOOKS = (
    # Reading AppArmor's profiles for programs that are not here takes most of the first boot under emulation.
    "cd /etc/apparmor.d; find * -maxdepth 0 -type f ! -name '*libvirt*' -exec ln -sft disable/ ../{} ';'",
    # A host has one role: the deploy starts the daemons that this one needs, and no others.
    "systemctl disable docker.service docker.socket containerd.service "
    "libvirtd.service libvirtd.socket libvirt-guests.service",
)


def sandbox_recipe(debian: int, kind: ImageKind, disk_gib: int) -> ImageRecipe:
    """The recipe of a sandbox host's disk.

    :param debian: major version, a key of :data:`SUITES`.
    :param disk_gib: size of the disk in GiB; only what is written to it takes room.
    """
    roles = {*KVM_HOST_PACKAGES[debian], *CONTAINER_HOST_PACKAGES[debian]} if kind == "warm" else set()
    return ImageRecipe(
        name=f"debian-{debian}-{kind}",
        suite=SUITES[debian],
        packages=tuple(sorted({*_PACKAGES, *roles})),
        files=files_of(TEMPLATES / "sandbox"),
        hooks=(*_HOOKS, *_WARM_HOOKS) if kind == "warm" else _HOOKS,
        disk_gib=disk_gib,
        kernel_arguments=_KERNEL_ARGUMENTS,
    )
