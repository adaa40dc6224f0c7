"""Hardware virtualization on a host, as observed. No I/O."""

from dataclasses import dataclass

MODULES = {"svm": "kvm_amd", "vmx": "kvm_intel"}
"""KVM's kernel module by the CPU's flag in /proc/cpuinfo: ``svm`` is AMD-V, ``vmx`` is VT-x."""


@dataclass(frozen=True)
class KvmObserved:
    """Hardware virtualization on a host.

    :param vendor: ``vendor_id`` of /proc/cpuinfo.
    :param feature: ``svm`` or ``vmx``; None if the CPU offers neither.
    :param loaded: whether KVM's module for that feature is loaded.
    :param nested: whether the loaded module lets guests use the feature themselves.
    :param users: reference count of the module, to which running virtual machines contribute.
    :param device: whether /dev/kvm exists, and the user as which QEMU runs can open it.
    :param emulated: whether the host itself is emulated, so that everything on it is slow.
    :param options: content of our file in /etc/modprobe.d.
    :param autoload: content of our file in /etc/modules-load.d.
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
        """KVM's module for this CPU; None if the CPU offers no hardware virtualization."""
        return MODULES.get(self.feature or "")

    @property
    def works(self) -> bool:
        """Whether guests can use hardware virtualization."""
        # /dev/kvm can exist although no module serves it.
        return self.loaded and self.device
