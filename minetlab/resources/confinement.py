"""Whether a KVM host's AppArmor confines its QEMU processes, as observed. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field

QEMU_CONFIG = "/etc/libvirt/qemu.conf"
SETTINGS: Mapping[str, str] = {
    "security_driver": '"apparmor"',
    "security_default_confined": "1",
    "security_require_confined": "1",
}
"""libvirt's settings with which no domain of the host starts unconfined, as its file writes them."""


@dataclass(frozen=True)
class ConfinementObserved:
    """AppArmor on a host, and what libvirt is told of it.

    :param available: whether the kernel has AppArmor on, and shows its profiles, for which libvirtd looks.
    :param settings: those of :data:`SETTINGS` that libvirt's file has, with their values.
    :param stale: whether the file is newer than the running libvirtd, which then has not read it.
    """

    available: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    stale: bool = False
