"""The lab's own guest image: Debian that boots fast where it is emulated, made its guest's by its seed.

What is done to it, and why: docs/decisions/guests-boot-in-two-steps.md.
"""

from collections.abc import Iterable

from minetlab.images.recipe import NO_TIMER_CHECK, SUITES, ImageRecipe, files_of
from minetlab.util.paths import TEMPLATES

DISK_GIB = 3
"""Room for the packages; the guest grows the root file system to the disk that it really gets."""
_PACKAGES = (
    "bash-completion",
    "ca-certificates",
    "dbus",
    "e2fsprogs",
    "fdisk",
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
    "systemd-sysv",
    "udev",
    "util-linux-extra",  # hwclock, with which the guest agent sets the clock
    "xz-utils",
    "zstd",
)
_AFTER_LOGIN = {
    "sysinit": (
        "dev-hugepages.mount",
        "dev-mqueue.mount",
        "sys-fs-fuse-connections.mount",
        "sys-kernel-config.mount",
        "sys-kernel-debug.mount",
        "sys-kernel-tracing.mount",
        "systemd-binfmt.service",
        "systemd-journal-flush.service",
        "systemd-machine-id-commit.service",
        "systemd-modules-load.service",
        "systemd-random-seed.service",
        "systemd-sysctl.service",
        "systemd-udev-trigger.service",
        "systemd-update-utmp.service",
    ),
    "local-fs": ("run-lock.mount",),
    "sockets": ("dbus.socket",),
}
"""What targets of the boot want and no login needs: it starts with the rest of the system."""
_MASKED = (
    # They would run in the middle of a session, on every guest at once.
    "apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service "
    "fstrim.timer",
    # For hardware that no guest has, and an address that is kept from one boot to the next.
    "getty@tty1.service modprobe@drm.service modprobe@efi_pstore.service systemd-pstore.service",
    "systemd-network-generator.service systemd-networkd-persistent-storage.service",
    "systemd-udev-load-credentials.service",
    # On the disk, as in Debian 12: a guest has little memory.
    "tmp.mount",
)
_GENERATORS = (
    *("cryptsetup", "gpt-auto", "hibernate-resume", "integritysetup", "run", "ssh", "system-update", "tpm2"),
    "veritysetup",
)
"""Of units for hardware that no guest has, or that nobody asks for at its boot."""
_KERNEL_ARGUMENTS = (
    # Each character on an emulated serial line is an exit to QEMU: only what is wrong is worth it.
    "console=ttyS0 quiet",
    NO_TIMER_CHECK,
    # So is each look at the 255 PCI buses that it does not have, and there are sixteen thousand.
    "pci=lastbus=0",
    # The other processors join at the end (docs/decisions/guests-boot-on-one-processor.md), to a kernel that
    # need not be patched for them.
    "maxcpus=1 noreplace-smp",
    # A kernel that panics tries again after so many seconds: where QEMU emulates KVM, a panic is not always
    # its own fault.
    "panic=10",
    # Of Debian's list what is in use there: to hand systemd's BPF program to the kernel takes half a second.
    "lsm=landlock,lockdown,yama,apparmor",
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
        hooks=tuple(_hooks()),
        disk_gib=DISK_GIB,
        kernel_arguments=" ".join(_KERNEL_ARGUMENTS),
        grub_command="linux16",
    )


def _hooks() -> Iterable[str]:
    # Made by its seed.
    yield "rm -f /etc/ssh/ssh_host_*"
    yield "groupadd --system --force docker"
    yield "systemctl enable grow.service identity.service systemd-networkd.service"
    yield f"systemctl mask {' '.join(_MASKED)}"
    yield "systemctl set-default login.target"
    for target, units in _AFTER_LOGIN.items():
        for unit in units:
            yield _move(unit, f"{target}.target")
    links = " ".join(f"/etc/systemd/system-generators/systemd-{name}-generator" for name in _GENERATORS)
    yield f"mkdir -p /etc/systemd/system-generators; for each in {links}; do ln -s /dev/null $each; done"
    # Whoever SSH answers may log in: there is no later moment at which that would be announced.
    yield "ln -s /dev/null /etc/tmpfiles.d/systemd-nologin.conf"


def _move(unit: str, target: str) -> str:
    """Have a unit, if this release has it, wanted by multi-user.target instead of by another one."""
    packaged = "/usr/lib/systemd/system"
    own = "/etc/systemd/system"
    return (
        f"[ ! -e {packaged}/{target}.wants/{unit} ] || "
        f"{{ mkdir -p {own}/{target}.wants; ln -s /dev/null {own}/{target}.wants/{unit}; "
        f"ln -s {packaged}/{unit} {own}/multi-user.target.wants/{unit}; }}"
    )
