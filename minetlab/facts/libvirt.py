"""Facts of a KVM host's libvirt, each one command whatever the number of guests."""

import shlex
from ipaddress import IPv4Address

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase

from minetlab.resources.layout import IMAGES, Layout, overlay
from minetlab.resources.libvirt import LibvirtObserved, parse

SERVICES = ("libvirtd.service", "libvirtd.socket")
VIRSH = "virsh -q -c qemu:///system"

# virsh commands, by the section their output makes.
_INDEX = {
    "domains": "list --all --uuid",
    "domains-active": "list --uuid",
    "domains-autostart": "list --all --autostart --uuid",
    "networks": "net-list --all --uuid",
    "networks-active": "net-list --uuid",
    "networks-autostart": "net-list --all --autostart --uuid",
    "pools": "pool-list --all --uuid",
    "pools-active": "pool-list --uuid",
    "pools-autostart": "pool-list --all --autostart --uuid",
    "volumes": "vol-list {lab}",
}

# Two virsh processes do it all: starting one takes half a second on an emulated host.
# Of a seed, the name says all.
_STATE = """
export LC_ALL=C
echo @memory; awk '/^MemAvailable:/ {{ print int($2 / 1024) }}' /proc/meminfo
echo @disk; df -Pm {images} /var/lib 2>/dev/null | awk 'NR == 2 {{ print $4 }}'
echo @owner; cat {label} 2>/dev/null
echo @files; ls -d {files} 2>/dev/null
echo @services; systemctl show --property=Id,ActiveState,UnitFileState {services} 2>/dev/null
command -v virsh >/dev/null || exit 0
echo @installed
index=$({virsh} {index} 2>/dev/null)
printf '%s\\n' "$index" @xml
dump=$(printf '%s\\n' "$index" | awk '
    /^@/ {{ section = $1; next }}
    !NF {{ next }}
    section == "@domains" {{ print "dumpxml --inactive " $1 ";" }}
    section == "@networks" {{ print "net-dumpxml --inactive " $1 ";" }}
    section == "@pools" {{ print "pool-dumpxml --inactive " $1 ";" }}
    section == "@volumes" && $1 !~ /[.]iso$/ {{ print "vol-dumpxml --pool {lab} --vol " $1 ";" }}
' | tr '\\n' ' ')
[ -z "$dump" ] || {virsh} "$dump" 2>/dev/null
true
"""

# The host looks again by itself: each question costs it a shell, long where it is emulated.
_ANSWERS = """
answers() {{
    for address in {addresses}; do
        timeout 5 bash -c 'exec 3<>"/dev/tcp/$1/22" && read -r -t 4 -u 3 banner && [[ $banner == SSH-* ]]' \\
            _ "$address" 2>/dev/null && echo "$address" &
    done
    wait
}}
until found=$(answers); [[ $found || SECONDS -ge {wait} ]]; do
    sleep 1
done
echo "$found"
"""

LAST_WORDS = ("end Kernel panic", r"\(initramfs\)", "You are in emergency mode", "EXT4-fs error")
"""What stands at the end of a guest's console if it cannot boot: extended regular expressions.

It is written by the kernel's ``panic()``, initramfs-tools' shell, systemd's ``emergency.service``, and by the
kernel again where the root file system is damaged, as on a disk that was cut short.
"""

REBOOTS = "Rebooting in [0-9]+ seconds"
"""The line of a kernel that restarts after a panic, as those of our images do; also from ``panic()``."""

_FAILED_BOOTS = """
running=$({virsh} list --name) || exit 1
for guest in {guests}; do
    if ! printf '%s\\n' "$running" | grep -Fqx "$guest"; then
        echo "off $guest"
    elif tail -c 4096 {consoles}/"$guest".log 2>/dev/null | grep -Eaq {last_words} ||
        [ "0$(grep -Eac {reboots} {consoles}/"$guest".log 2>/dev/null)" -gt 1 ]; then
        echo "broken $guest"
    fi
done
true
"""


class LibvirtState(FactBase[LibvirtObserved]):
    """All networks, pools and domains of the host, the volumes of the lab's pool, and what room there is."""

    @staticmethod
    def default() -> LibvirtObserved:
        """Nothing at all."""
        return LibvirtObserved()

    def command(self, lab: str) -> str:
        """Print it in sections, for :func:`minetlab.resources.libvirt.parse`.

        :param lab: the lab's name.
        """
        layout = Layout(lab)
        files = (layout.folder, layout.modprobe_options, layout.modules_load)
        return _STATE.format(
            images=IMAGES,
            label=layout.label,
            files=shlex.join(files),
            services=shlex.join(SERVICES),
            virsh=VIRSH,
            index=shlex.quote(
                "; ".join(f"echo '@{name}\n'; {ask}" for name, ask in _INDEX.items()).format(lab=lab)
            ),
            lab=lab,
        )

    def process(self, output: list[str]) -> LibvirtObserved:
        """Parse it; what cannot be read fails the host."""
        try:
            return parse(output)
        except ValueError as error:
            raise FactProcessError(str(error)) from error


class SshAnswers(FactBase[frozenset[str]]):
    """Which of these addresses an SSH server answers at, asked all at once from the host until one does."""

    @staticmethod
    def default() -> frozenset[str]:
        """None of them."""
        return frozenset()

    def command(self, addresses: tuple[IPv4Address, ...], wait: int) -> str:
        """Print those that answer.

        :param wait: seconds to go on asking while none of them answers.
        """
        script = _ANSWERS.format(addresses=" ".join(map(str, addresses)), wait=wait)
        return f"bash -c {shlex.quote(script)}"

    def process(self, output: list[str]) -> frozenset[str]:
        """One address a line."""
        return frozenset(line.strip() for line in output if line.strip())


class ActiveDomains(FactBase[frozenset[str]]):
    """The names of all running domains."""

    @staticmethod
    def default() -> frozenset[str]:
        """None."""
        return frozenset()

    def command(self) -> str:
        """Ask libvirt."""
        return f"{VIRSH} list --name"

    def process(self, output: list[str]) -> frozenset[str]:
        """One name a line."""
        return frozenset(line.strip() for line in output if line.strip())


class FailedBoots(FactBase[dict[str, str]]):
    """Which of these guests will not come up, and why: ``off``, or ``broken`` as their console says."""

    @staticmethod
    def default() -> dict[str, str]:
        """None of them."""
        return {}

    def command(self, lab: str, guests: tuple[str, ...]) -> str:
        """Print a line for each; libvirt and all consoles are asked by one command."""
        return _FAILED_BOOTS.format(
            virsh=VIRSH,
            consoles=shlex.quote(Layout(lab).consoles),
            guests=shlex.join(guests),
            last_words=shlex.quote("|".join(LAST_WORDS)),
            reboots=shlex.quote(REBOOTS),
        )

    def process(self, output: list[str]) -> dict[str, str]:
        """One guest a line, after the reason."""
        lines = (line.split(" ", 1) for line in output if line.strip())
        return {guest: why for why, guest in lines}


class Snapshots(FactBase[dict[str, list[str]]]):
    """The names of the snapshots that these domains have, by domain; one that has none is left out."""

    @staticmethod
    def default() -> dict[str, list[str]]:
        """None of them has any."""
        return {}

    def command(self, domains: tuple[str, ...]) -> str:
        """Ask libvirt, by one virsh for all."""
        # virsh's echo ends no line by itself.
        lists = "; ".join(f"echo '@{domain}\n'; snapshot-list --name {domain}" for domain in domains)
        return f"{VIRSH} {shlex.quote(lists)} 2>/dev/null; true"

    def process(self, output: list[str]) -> dict[str, list[str]]:
        """One name a line, after a line with its domain."""
        found: dict[str, list[str]] = {}
        names: list[str] = []
        for line in filter(None, map(str.strip, output)):
            if line.startswith("@"):
                names = found.setdefault(line[1:], [])
            else:
                names.append(line)
        return {domain: names for domain, names in found.items() if names}


class EmptyDisks(FactBase[frozenset[str]]):
    """Which of these guests, which are off, have never written anything to their disk."""

    @staticmethod
    def default() -> frozenset[str]:
        """None of them."""
        return frozenset()

    def command(self, lab: str, guests: tuple[str, ...]) -> str:
        """Ask qemu-img(1), which leaves out the number of allocated clusters where there is none."""
        disks = (f"{shlex.quote(guest)} {shlex.quote(Layout(lab).disk(overlay(guest)))}" for guest in guests)
        return (
            'empty() { said=$(qemu-img check --output=json "$2" 2>/dev/null) || return 0; '
            'case $said in *allocated-clusters*) ;; *) echo "$1" ;; esac; }; '
            + "".join(f"empty {disk}; " for disk in disks)
            + "true"
        )

    def process(self, output: list[str]) -> frozenset[str]:
        """One name a line."""
        return frozenset(line.strip() for line in output if line.strip())


class Files(FactBase[dict[str, str]]):
    """The text of files, or the end of it, by path; a file that is not there is left out."""

    @staticmethod
    def default() -> dict[str, str]:
        """None."""
        return {}

    def command(self, paths: tuple[str, ...], last: int | None = None) -> str:
        """Print the files, each after a line with its path; lines of a file have a blank before them.

        :param last: how many of the last lines; None: all.
        """
        show = "cat" if last is None else f"tail -n {last}"
        # The last line of a console is often incomplete, as a login prompt is: the second script ends it.
        lines = f"{show} \"$f\" 2>/dev/null | sed -e 's/^/ /' -e '$a\\'"
        return f'for f in {shlex.join(paths)}; do echo "@$f"; {lines}; done; true'

    def process(self, output: list[str]) -> dict[str, str]:
        """Split the output at the paths."""
        files: dict[str, list[str]] = {}
        lines: list[str] = []
        for line in output:
            if line.startswith("@"):
                lines = files.setdefault(line[1:], [])
            else:
                lines.append(line[1:])
        return {path: "\n".join(lines) + "\n" for path, lines in files.items() if lines}
