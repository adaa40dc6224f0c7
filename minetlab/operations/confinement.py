"""Operations on a KVM host's AppArmor."""

from collections.abc import Iterator

from pyinfra.api.command import PyinfraCommand, QuoteString, StringCommand
from pyinfra.context import host, state

from minetlab.facts.confinement import QemuConfinement
from minetlab.operations import observe
from minetlab.operations.commands import first_pass, lab_operation, warn
from minetlab.resources.confinement import QEMU_CONFIG, SETTINGS


@lab_operation
def qemu() -> Iterator[PyinfraCommand]:
    """Have libvirt run no QEMU that AppArmor does not confine; where the kernel has none, warn of it.

    Other settings of the administrator stay, and running guests run on while libvirtd is restarted.

    :yields: the commands.
    """
    observed = observe.fact(QemuConfinement)
    if not observed.available:
        if state.is_executing and first_pass():
            warn("its kernel has no AppArmor: a guest that breaks out of its QEMU reaches the others' disks")
        host.noop("the kernel has no AppArmor")
        return
    commands = []
    if observed.settings != SETTINGS:
        commands.append(_settings_written())
    if commands or observed.stale:
        commands.append(StringCommand("systemctl try-restart libvirtd.service"))
    yield from observe.changing(commands, otherwise="libvirt starts no QEMU unconfined")


def _settings_written() -> StringCommand:
    """Return a command that puts our settings into libvirt's file, in place of those of their names."""
    # A copy keeps the mode: an administrator may have a password in this file.
    new = f"{QEMU_CONFIG}.new"
    ours = "".join(f"{name} = {value}\n" for name, value in SETTINGS.items())
    drop = f"/^[[:space:]]*({'|'.join(SETTINGS)})[[:space:]]*=/d"
    return StringCommand(
        *("cp --preserve=mode,ownership", QEMU_CONFIG, new),
        *("&& sed -i -E -e", QuoteString(drop), r"-e '$a\'", new),  # which ends the last line
        *("&& printf %s", QuoteString(ours), ">>", new, "&& mv -f", new, QEMU_CONFIG),
    )
