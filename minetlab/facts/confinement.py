"""The fact about AppArmor on a KVM host."""

from minetlab.facts.base import HostFact
from minetlab.resources.confinement import QEMU_CONFIG, SETTINGS, ConfinementObserved
from minetlab.resources.printed import values_by_key

ENABLED, PROFILES = "/sys/module/apparmor/parameters/enabled", "/sys/kernel/security/apparmor/profiles"
_SETTING = f"[[:space:]]*({'|'.join(SETTINGS)})[[:space:]]*=[[:space:]]*(.*)"
# libvirtd writes its PID file when it starts, and has not read what is newer.
_COMMAND = f"""
[ "$(cat {ENABLED} 2>/dev/null)" = Y ] && [ -r {PROFILES} ] && echo 'available yes'
sed -nE 's/^{_SETTING}$/\\1 \\2/p' {QEMU_CONFIG} 2>/dev/null
[ -e /run/libvirtd.pid ] && [ {QEMU_CONFIG} -nt /run/libvirtd.pid ] && echo 'stale yes'
true
"""


class QemuConfinement(HostFact[ConfinementObserved]):
    """Whether the host's kernel has AppArmor on, and what libvirt is told of it."""

    default = ConfinementObserved

    def command(self) -> str:
        """Return a command that prints lines of the form ``key value``."""
        return _COMMAND

    def parse(self, output: list[str]) -> ConfinementObserved:
        """Parse the lines; of a setting that is given twice, libvirt reads the first."""
        values = values_by_key(output)
        return ConfinementObserved(
            available="available" in values,
            settings={name: values[name][0].strip() for name in SETTINGS if name in values},
            stale="stale" in values,
        )
