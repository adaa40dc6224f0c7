"""The lab's own guest image: Debian with cloud-init, of the same shape as Debian's official cloud images."""

from minetlab.images.recipe import SUITES, ImageRecipe, files_of
from minetlab.paths import TEMPLATES

DISK_GIB = 3
"""Room for the packages; cloud-init grows the root file system to the disk that the guest really gets."""
_PACKAGES = (
    "bash-completion",
    "ca-certificates",
    "cloud-guest-utils",
    "cloud-init",
    "dbus",
    "initramfs-tools",
    "iproute2",
    "iputils-ping",
    "kmod",
    "less",
    # Half the size of the ordinary kernel, with KVM in it; and not the host's, as claim C07 wants.
    "linux-image-cloud-amd64",
    "nano",
    "openssh-server",
    "procps",
    "psmisc",
    "qemu-guest-agent",
    "sudo",
    "systemd-resolved",
    "systemd-sysv",
    "udev",
    "zstd",
)
_HOOKS = (
    # cloud-init makes each guest its own.
    "rm -f /etc/ssh/ssh_host_*",
    "systemctl enable systemd-networkd.service processors.service",
    # They would run in the middle of a session, on every guest at once.
    "systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer "
    "e2scrub_reap.service fstrim.timer",
)


def guest_recipe(debian: int = 13) -> ImageRecipe:
    """The recipe of the guest image, without practical work.

    :param debian: major version, 12 or 13.
    """
    return ImageRecipe(
        name=f"guest-debian-{debian}",
        suite=SUITES[debian],
        packages=_PACKAGES,
        files=files_of(TEMPLATES / "guest"),
        hooks=_HOOKS,
        disk_gib=DISK_GIB,
        # Each character on an emulated serial line is an exit to QEMU: only what is wrong is worth it.
        # So is each look at the 255 PCI buses that it does not have, and there are sixteen thousand.
        # The other processors join at the end (docs/decisions/guests-boot-on-one-processor.md).
        kernel_arguments="console=ttyS0 quiet pci=lastbus=0 maxcpus=1",
    )
