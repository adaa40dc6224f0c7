"""The fact for the preflight: what a host is and has, in one command whatever the number of students."""

from minetlab.facts.base import HostFact
from minetlab.facts.confinement import QemuConfinement
from minetlab.facts.docker import DaemonConfig, DockerState
from minetlab.facts.kvm import KvmModule
from minetlab.facts.libvirt import LibvirtState
from minetlab.facts.lock import LockHolder
from minetlab.resources.host import HostObserved, parse_system
from minetlab.resources.layout import LIBVIRT_IMAGES
from minetlab.resources.printed import sections

MARK = "@@"
# NR == 2 takes the line of the first folder that exists.
_SYSTEM = f"""
export LC_ALL=C
echo "user $(id -u)"
echo "release $(. /etc/os-release; echo "$ID ${{VERSION_ID:-}}")"
awk '/^MemAvailable:/ {{ print "memory " int($2 / 1024) }}' /proc/meminfo
echo "processors $(nproc)"
df -Pm {LIBVIRT_IMAGES} /var/lib 2>/dev/null | awk 'NR == 2 {{ print "disk " $4 }}'
df -Pm /var/lib/docker /var/lib 2>/dev/null | awk 'NR == 2 {{ print "docker-disk " $4 }}'
cd /sys/fs/cgroup && echo "cgroup $(stat --file-system --format=%T .) $(cat cgroup.controllers 2>/dev/null)"
echo "file-system $(findmnt --noheadings --output FSTYPE,MAJ:MIN --target /var/lib || echo unknown 0:0)"
[ -e /dev/loop-control ] || /sbin/modprobe --dry-run --quiet loop; echo "loop $?"
echo "routes $(ip -4 -json route show | tr -d '\\n')"
for folder in /sys/class/net/*/bridge; do
    [ -d "$folder" ] && interface=${{folder%/bridge}} && echo "bridge ${{interface##*/}}"
done
ss -H -l -t -n | awk '{{ print "listens " $4 }}'
echo "time $(date +%s.%N)"
true
"""


class HostState(HostFact[HostObserved]):
    """The host itself, its virtualization, AppArmor, libvirt and Docker, and who deploys to it."""

    def command(self, lab: str) -> str:
        """Return a command that prints the output of each fact below a line with its name."""
        parts = {
            "kvm": KvmModule().command(lab),
            "confinement": QemuConfinement().command(),
            "libvirt": LibvirtState().command(lab),
            "docker": DockerState().command(lab),
            "daemon": DaemonConfig().command(),
            "lock": LockHolder().command(),
            # Last, so that the host's time is read just before the answer arrives.
            "system": _SYSTEM,
        }
        return "\n".join(f"echo {MARK}{name}\n({command}\n)" for name, command in parts.items())

    def parse(self, output: list[str]) -> HostObserved:
        """Let each fact parse its part of the output.

        :param output: all lines.
        :return: what the host is and has.
        :raises ValueError: a part is missing, or cannot be parsed.
        """
        parts = sections(output, MARK)
        try:
            return HostObserved(
                system=parse_system(parts["system"]),
                kvm=KvmModule().process(parts["kvm"]),
                confinement=QemuConfinement().process(parts["confinement"]),
                libvirt=LibvirtState().process(parts["libvirt"]),
                docker=DockerState().process(parts["docker"]),
                daemon=DaemonConfig().process(parts["daemon"]),
                lock=LockHolder().process(parts["lock"]),
            )
        except KeyError as error:
            raise ValueError(f"the host's answer has no part {error}") from error
