"""The disk images of sandbox hosts.

A ``warm`` image has the packages of all roles; a ``bare`` one has none, and so proves the installation.
"""

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
# On emulated hosts, a timer interrupt costs a guest a millisecond: docs/decisions/emulated-hosts-are-lean.md.
_KERNEL_ARGUMENTS = f"console=ttyS0 {NO_TIMER_CHECK} highres=off nowatchdog audit=0"
# An emulated processor does not speculate, so it needs no mitigations; a real one has guests to fear.
_EMULATED_ARGUMENTS = "mitigations=off"
_HOOKS = (
    "rm -f /etc/ssh/ssh_host_*",
    "systemctl enable minetlab-identity.service systemd-networkd.service",
    "systemctl mask apt-daily.timer apt-daily-upgrade.timer",
    # The resolver of QEMU's user-mode network.
    "echo nameserver 10.0.2.3 >/etc/resolv.conf",
)
_WARM_HOOKS = (
    # Under emulation, most of the first boot would be spent on AppArmor profiles of programs that are absent.
    "cd /etc/apparmor.d; find * -maxdepth 0 -type f ! -name '*libvirt*' -exec ln -sft disable/ ../{} ';'",
    # The image has the daemons of all roles: a deploy starts those that the host needs.
    "systemctl disable docker.service docker.socket containerd.service "
    "libvirtd.service libvirtd.socket libvirt-guests.service",
)


def sandbox_recipe(debian: int, kind: ImageKind, disk_gib: int) -> ImageRecipe:
    """Return the recipe of a sandbox host's disk.

    :param debian: major version, a key of :data:`SUITES`.
    :param kind: ``bare``, or ``warm`` with the packages of all roles.
    :param disk_gib: size of the disk in GiB; only what is written to it takes room.
    :return: the recipe, with the files of ``templates/sandbox``.
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
        emulated_arguments=_EMULATED_ARGUMENTS,
    )
