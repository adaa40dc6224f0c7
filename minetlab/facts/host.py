"""The fact that tells before a deploy what a host is and has: one command for any number of students."""

from collections.abc import Mapping
from typing import Any

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase

from minetlab.facts.docker import DaemonConfig, DockerState
from minetlab.facts.kvm import KvmModule
from minetlab.facts.libvirt import LibvirtState
from minetlab.facts.lock import LockHolder
from minetlab.resources.host import HostObserved, parse_system
from minetlab.resources.layout import IMAGES

MARK = "@@"
# df: of the first of these folders that is there.
_SYSTEM = f"""
export LC_ALL=C
echo "user $(id -u)"
echo "release $(. /etc/os-release; echo "$ID ${{VERSION_ID:-}}")"
awk '/^MemAvailable:/ {{ print "memory " int($2 / 1024) }}' /proc/meminfo
echo "processors $(nproc)"
df -Pm {IMAGES} /var/lib 2>/dev/null | awk 'NR == 2 {{ print "disk " $4 }}'
df -Pm /var/lib/docker /var/lib 2>/dev/null | awk 'NR == 2 {{ print "docker-disk " $4 }}'
echo "routes $(ip -4 -json route show | tr -d '\\n')"
for each in /sys/class/net/*/bridge; do
    [ -d "$each" ] && each=${{each%/bridge}} && echo "bridge ${{each##*/}}"
done
ss -H -l -t -n | awk '{{ print "listens " $4 }}'
echo "time $(date +%s.%N)"
true
"""


class HostState(FactBase[HostObserved]):
    """What the host is and has, its virtualization, all of its libvirt and Docker, and who deploys to it."""

    def command(self, lab: str) -> str:
        """Print each part below a line with its name."""
        parts = {
            "kvm": KvmModule().command(lab),
            "libvirt": LibvirtState().command(lab),
            "docker": DockerState().command(lab),
            "daemon": DaemonConfig().command(),
            "lock": LockHolder().command(),
            # Last, so that the answer's arrival is the moment of the host's clock.
            "system": _SYSTEM,
        }
        return "\n".join(f"echo {MARK}{name}\n({command}\n)" for name, command in parts.items())

    def process(self, output: list[str]) -> HostObserved:
        """Have each part's own fact read it; what cannot be read is said."""
        parts: dict[str, list[str]] = {}
        lines: list[str] = []
        for line in output:
            if line.startswith(MARK):
                lines = parts.setdefault(line.removeprefix(MARK).strip(), [])
            else:
                lines.append(line)
        return _observed(parts)


def _observed(parts: Mapping[str, list[str]]) -> HostObserved:
    def read(fact: FactBase[Any], name: str) -> Any:
        return fact.process(parts[name])

    try:
        return HostObserved(
            system=parse_system(parts["system"]),
            kvm=read(KvmModule(), "kvm"),
            libvirt=read(LibvirtState(), "libvirt"),
            docker=read(DockerState(), "docker"),
            daemon=read(DaemonConfig(), "daemon"),
            lock=read(LockHolder(), "lock"),
        )
    except KeyError as error:
        raise FactProcessError(f"the host did not say {error}") from error
    except ValueError as error:
        raise FactProcessError(str(error)) from error
