"""Hardware virtualization on a host, as observed: the type, and what it means."""

from dataclasses import dataclass

MODULES = {"svm": "kvm_amd", "vmx": "kvm_intel"}
"""KVM's module for the CPU, by the feature's flag in /proc/cpuinfo (AMD-V, VT-x)."""


@dataclass(frozen=True)
class KvmObserved:
    """Hardware virtualization on a host.

    :param vendor: ``vendor_id`` of /proc/cpuinfo.
    :param feature: ``svm``, ``vmx``, or None where the CPU offers neither.
    :param loaded: whether the module for that feature is loaded.
    :param nested: whether the loaded module lets guests use the feature in turn.
    :param users: how many users the module has, running virtual machines among them.
    :param device: whether /dev/kvm is there and the user that QEMU runs as can open it.
    :param emulated: whether the host itself is emulated, and everything on it slow.
    :param options: the content of our file in /etc/modprobe.d; ``autoload``: in /etc/modules-load.d.
    """

    vendor: str = ""
    feature: str | None = None
    loaded: bool = False
    nested: bool = False
    users: int = 0
    device: bool = False
    emulated: bool = False
    options: str = ""
    autoload: str = ""

    @property
    def module(self) -> str | None:
        """KVM's module for this CPU."""
        return MODULES.get(self.feature or "")

    @property
    def works(self) -> bool:
        """Whether guests can run on the CPU itself. /dev/kvm alone proves nothing: it may have no module."""
        return self.loaded and self.device
