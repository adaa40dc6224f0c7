"""Operations on a host's hardware virtualization."""

from collections.abc import Iterator

from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.context import host

from minetlab.operations import observe
from minetlab.operations.commands import first_pass, lab_operation, warn
from minetlab.operations.shell import install_text
from minetlab.resources.kvm import KvmObserved
from minetlab.resources.layout import Layout
from minetlab.util.errors import LabError
from minetlab.util.render import render

DEVICE_LIMIT = 60
"""Seconds that udev may take to make /dev/kvm once the module is loaded; an emulated host takes some."""


@lab_operation
def nested(lab: str, require_kvm: bool) -> Iterator[PyinfraCommand]:
    """Have KVM loaded with nested virtualization turned on, now and after a reboot.

    While running machines use the module, it is not reloaded; a warning says when the change takes effect.

    :param lab: the lab's name.
    :param require_kvm: whether to fail if the CPU offers no hardware virtualization.
    :yields: the commands.
    """
    observed = observe.kvm(lab)
    if observed.module is None:
        if require_kvm:
            raise unavailable(observed)
        host.noop("the CPU offers no hardware virtualization")
        return
    commands = [*_persist(lab, observed), *_apply(observed, observed.module)]
    when = "now" if observed.nested else "once nothing uses it any more"
    yield from observe.changing(
        commands, otherwise=f"{observed.module} has nested=1 {when}, and after a reboot"
    )


def unavailable(observed: KvmObserved) -> LabError:
    """Return the error that guests cannot use hardware virtualization, although ``require_kvm`` is set."""
    if observed.feature is None:
        return LabError(
            f"{host.name}: its CPU ({observed.vendor or 'unknown'}) offers neither svm nor vmx, "
            "and the inventory says require_kvm",
            next_step="switch AMD-V or VT-x on in its firmware (nested, if it is itself a virtual machine), "
            "or set require_kvm = False in inventories/group_data/all.py",
        )
    return LabError(
        f"{host.name}: its CPU has {observed.feature}, but QEMU's user cannot use /dev/kvm "
        f"({observed.module} {'is' if observed.loaded else 'is not'} loaded), "
        "and the inventory says require_kvm",
        next_step=f"on {host.name}, see dmesg | grep -i kvm, and ls -l /dev/kvm (root:kvm, mode 0660)",
    )


def _persist(lab: str, observed: KvmObserved) -> list[StringCommand]:
    layout = Layout(lab)
    values = {"lab": lab, "module": observed.module}
    files = (
        (layout.modprobe_options, observed.options, render("modprobe/options.conf.j2", **values)),
        (layout.modules_load, observed.autoload, render("modprobe/load.conf.j2", **values)),
    )
    return [install_text(text, path) for path, present, text in files if text != present]


def _apply(observed: KvmObserved, module: str) -> list[StringCommand]:
    wait = f"timeout {DEVICE_LIMIT} sh -c 'until [ -c /dev/kvm ]; do sleep 0.2; done; udevadm settle'"
    if not observed.loaded:
        return [StringCommand(f"modprobe {module} && {wait}")]
    if observed.nested:
        return []
    if observed.users == 0:
        return [StringCommand(f"modprobe -r {module} && modprobe {module} && {wait}")]
    if first_pass():
        warn(
            f"{module} is in use with nested=0: running machines hold it\n"
            f"  → shut them down and run this again, or reboot {host.name}"
        )
    return []
