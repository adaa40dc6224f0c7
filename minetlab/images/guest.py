"""The lab's own guest image: a Debian that boots fast under emulation.

It is the same for all guests; the seed gives each one its own identity at its first boot. What is changed in
Debian, and why, is in docs/decisions/guests-boot-in-two-steps.md.
"""

from collections.abc import Iterable

from minetlab.images.recipe import NO_TIMER_CHECK, SUITES, ImageRecipe, files_of
from minetlab.util.paths import TEMPLATES

DISK_GIB = 3
"""Size for the packages; each guest extends the root file system to the disk that it gets."""
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
    # Half the size of Debian's standard kernel, with KVM; and not the host's kernel, as claim C07 requires.
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
FIRST_WITH_PENALTIES = 13
"""The first Debian whose sshd has PerSourcePenalties (OpenSSH 9.8)."""
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
"""Units that no login needs, by the target that wants them in Debian; here, multi-user.target wants them."""
_MASKED = (
    # These would run in the middle of a session, on every guest at once.
    "apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service "
    "fstrim.timer",
    # These are for hardware that no guest has, and for an address that is kept from one boot to the next.
    "getty@tty1.service modprobe@drm.service modprobe@efi_pstore.service systemd-pstore.service",
    "systemd-network-generator.service systemd-networkd-persistent-storage.service",
    "systemd-udev-load-credentials.service",
    # /tmp stays on the disk, as in Debian 12: a guest has little memory.
    "tmp.mount",
)
_GENERATORS = (
    *("cryptsetup", "gpt-auto", "hibernate-resume", "integritysetup", "run", "ssh", "system-update", "tpm2"),
    "veritysetup",
)
"""Generators of units that no guest needs: for hardware that it lacks, or unused features of the boot."""
_KERNEL_ARGUMENTS = (
    # Each character on an emulated serial line is an exit to QEMU, so only errors are printed.
    "console=ttyS0 quiet",
    NO_TIMER_CHECK,
    # Each probe of the 255 PCI buses that do not exist is an exit to QEMU, too; there are sixteen thousand.
    "pci=lastbus=0",
    # The other processors start at the end of the boot (docs/decisions/guests-boot-on-one-processor.md), and
    # noreplace-smp keeps the kernel from being patched for them.
    "maxcpus=1 noreplace-smp",
    # After a panic, the guest boots again in ten seconds: where QEMU emulates KVM, a panic is not always the
    # guest's own fault.
    "panic=10",
    # The part of Debian's list that is in use: with bpf, systemd would take half a second to load a program.
    "lsm=landlock,lockdown,yama,apparmor",
)


def guest_recipe(debian: int = 13) -> ImageRecipe:
    """Return the recipe of the guest image, without any TP.

    :param debian: the major version, 12 or 13.
    :return: the recipe, with the files of ``templates/guest``.
    """
    return ImageRecipe(
        name=f"guest-debian-{debian}",
        suite=SUITES[debian],
        packages=_PACKAGES,
        files=files_of(TEMPLATES / "guest"),
        hooks=tuple(_hooks(debian)),
        disk_gib=DISK_GIB,
        kernel_arguments=" ".join(_KERNEL_ARGUMENTS),
        grub_command="linux16",
    )


def _hooks(debian: int) -> Iterable[str]:
    # Each guest gets its own host key from its seed.
    yield "rm -f /etc/ssh/ssh_host_*"
    if debian >= FIRST_WITH_PENALTIES:
        # All logins come from the host's address: sshd would refuse all of them after some that failed.
        yield "echo PerSourcePenalties no >>/etc/ssh/sshd_config.d/minet-lab.conf"
    yield "groupadd --system --force docker"
    yield "systemctl enable grow.service identity.service systemd-networkd.service"
    yield f"systemctl mask {' '.join(_MASKED)}"
    yield "systemctl set-default login.target"
    for target, units in _AFTER_LOGIN.items():
        for unit in units:
            yield _move(unit, f"{target}.target")
    links = " ".join(f"/etc/systemd/system-generators/systemd-{name}-generator" for name in _GENERATORS)
    yield f"mkdir -p /etc/systemd/system-generators; for each in {links}; do ln -s /dev/null $each; done"
    # No /run/nologin: students may log in as soon as SSH answers.
    yield "ln -s /dev/null /etc/tmpfiles.d/systemd-nologin.conf"


def _move(unit: str, target: str) -> str:
    """Return the command that starts a unit with multi-user.target instead of ``target``, if it exists."""
    packaged = "/usr/lib/systemd/system"
    own = "/etc/systemd/system"
    return (
        f"[ ! -e {packaged}/{target}.wants/{unit} ] || "
        f"{{ mkdir -p {own}/{target}.wants; ln -s /dev/null {own}/{target}.wants/{unit}; "
        f"ln -s {packaged}/{unit} {own}/multi-user.target.wants/{unit}; }}"
    )
