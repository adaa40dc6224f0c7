"""Facts about a KVM host's libvirt. Each is one command, whatever the number of guests."""

import shlex

from minetlab.facts.base import HostFact
from minetlab.resources.layout import LIBVIRT_IMAGES, Layout, overlay
from minetlab.resources.libvirt import SOCKET_UNITS, LibvirtObserved, parse, socket_file
from minetlab.resources.printed import sections, text

SERVICES = ("libvirtd.service", "libvirtd.socket")
VIRSH = "virsh -q -c qemu:///system"
OPEN_SOCKETS = "find /run/libvirt -maxdepth 1 -type s -perm /o+w"
"""Prints the paths of libvirt's sockets to which every account of the host may connect: unix(7)."""

# virsh commands, by the section of the output that each fills.
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

# The first virsh lists UUIDs and names, the second prints the XML of each. There are only two, as each takes
# half a second to start on an emulated host. The XML of seeds (*.iso) is not needed.
_STATE = """
export LC_ALL=C
echo @memory; awk '/^MemAvailable:/ {{ print int($2 / 1024) }}' /proc/meminfo
echo @disk; df -Pm {images} /var/lib 2>/dev/null | awk 'NR == 2 {{ print $4 }}'
echo @owner; cat {label} 2>/dev/null
echo @files; ls -d {files} 2>/dev/null
echo @services; systemctl show --property=Id,ActiveState,UnitFileState {services} 2>/dev/null
echo @socket-units; cat {socket_files} 2>/dev/null
echo @open-sockets; {open_sockets} 2>/dev/null
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

# A guest that is emulated twice, on a loaded machine, needs many seconds from a connection to a greeting.
# The loop is on the host, as a command per attempt would start a shell each time: slow on an emulated host.
_ANSWERS = """
answers() {{
    for address in {addresses}; do
        timeout 30 bash -c 'exec 3<>"/dev/tcp/$1/22" && read -r -u 3 banner && [[ $banner == SSH-* ]]' \\
            _ "$address" 2>/dev/null && echo "$address" &
    done
    wait
}}
until answering=$(answers); [[ $answering || SECONDS -ge {wait} ]]; do
    sleep 1
done
echo "$answering"
"""

BOOT_FAILURES = ("end Kernel panic", r"\(initramfs\)", "You are in emergency mode", "EXT4-fs error")
"""Extended regular expressions for the end of the console of a guest that cannot boot.

In this order, they match what is printed by the kernel's ``panic()``, the shell of initramfs-tools, systemd's
``emergency.service``, and the kernel if the root file system is damaged, as on a truncated disk.
"""

REBOOTS = "Rebooting in [0-9]+ seconds"
"""What ``panic()`` prints if the kernel then restarts, as the kernels of our images do."""

# libvirt keeps the process id of each domain's QEMU there.
DOMAIN_PIDS = "/run/libvirt/qemu"

_FAILED_BOOTS = """
running=$({virsh} list --name) || exit 1
for guest in {guests}; do
    if ! printf '%s\\n' "$running" | grep -Fqx "$guest"; then
        echo "off $guest"
    elif tail -c 4096 {consoles}/"$guest".log 2>/dev/null | grep -Eaq {failures} ||
        [ "0$(grep -Eac {reboots} {consoles}/"$guest".log 2>/dev/null)" -gt 1 ]; then
        echo "broken $guest"
    else
        age=$(ps -o etimes= -p "$(cat {pids}/"$guest".pid 2>/dev/null)" 2>/dev/null)
        [ "${{age:-{limit}}}" -lt {limit} ] || echo "late $guest"
    fi
done
true
"""


class LibvirtState(HostFact[LibvirtObserved]):
    """All networks, pools and domains of a host, the volumes of the lab's pool, and free memory and disk."""

    default = LibvirtObserved

    def command(self, lab: str) -> str:
        """Return a command that prints sections for :func:`minetlab.resources.libvirt.parse`."""
        layout = Layout(lab)
        files = (layout.folder, layout.modprobe_options, layout.modules_load)
        index = "; ".join(f"echo '@{section}\n'; {command}" for section, command in _INDEX.items())
        return _STATE.format(
            images=LIBVIRT_IMAGES,
            label=layout.label,
            files=shlex.join(files),
            services=shlex.join(SERVICES),
            socket_files=shlex.join(map(socket_file, SOCKET_UNITS)),
            open_sockets=OPEN_SOCKETS,
            virsh=VIRSH,
            index=shlex.quote(index.format(lab=lab)),
            lab=lab,
        )

    def parse(self, output: list[str]) -> LibvirtObserved:
        """Parse the sections."""
        return parse(output)


class Lines(HostFact[frozenset[str]]):
    """What a command prints: one name or address per line."""

    default = frozenset

    def parse(self, output: list[str]) -> frozenset[str]:
        """Parse the lines."""
        return frozenset(line.strip() for line in output if line.strip())


class SshAnswers(Lines):
    """The addresses at which an SSH server answers; the host asks all of them at once until one answers."""

    def command(self, addresses: tuple[str, ...], wait: int) -> str:
        """Return a command that prints the addresses that answer.

        :param addresses: the addresses to ask.
        :param wait: seconds for which the host asks again while none answers.
        :return: the command.
        """
        script = _ANSWERS.format(addresses=" ".join(addresses), wait=wait)
        return f"bash -c {shlex.quote(script)}"


class ActiveDomains(Lines):
    """The names of all running domains."""

    def command(self) -> str:
        """Return the virsh command that lists running domains."""
        return f"{VIRSH} list --name"


class FailedBoots(HostFact[dict[str, str]]):
    """For which guests, of some that do not answer, nobody need wait: the reason by name.

    They are ``off``; or ``broken`` if their console shows a failure; or ``late`` if they have run for longer.
    """

    default = dict

    def command(self, lab: str, guests: tuple[str, ...], limit: int) -> str:
        """Return a command that prints a reason and a name for each guest that nobody need wait for.

        :param lab: the lab's name.
        :param guests: the guests' names.
        :param limit: for how many seconds guests may run without an answer.
        :return: the command.
        """
        return _FAILED_BOOTS.format(
            virsh=VIRSH,
            consoles=shlex.quote(Layout(lab).consoles),
            guests=shlex.join(guests),
            failures=shlex.quote("|".join(BOOT_FAILURES)),
            reboots=shlex.quote(REBOOTS),
            pids=DOMAIN_PIDS,
            limit=limit,
        )

    def parse(self, output: list[str]) -> dict[str, str]:
        """Parse the output: a reason and a guest per line."""
        lines = (line.split(" ", 1) for line in output if line.strip())
        return {guest: reason for reason, guest in lines}


class Snapshots(HostFact[dict[str, list[str]]]):
    """The names of domains' snapshots, by domain; a domain without snapshots is left out."""

    default = dict

    def command(self, domains: tuple[str, ...]) -> str:
        """Return one virsh command that lists each domain's snapshots below a line ``@domain``."""
        # virsh's echo does not end the line by itself.
        lists = "; ".join(f"echo '@{domain}\n'; snapshot-list --name {domain}" for domain in domains)
        return f"{VIRSH} {shlex.quote(lists)} 2>/dev/null; true"

    def parse(self, output: list[str]) -> dict[str, list[str]]:
        """Parse the lists."""
        snapshots = sections(line.strip() for line in output if line.strip())
        return {domain: names for domain, names in snapshots.items() if names}


LINE_BYTES = 200
"""Bytes for each of a file's last lines, on average; of longer ones, the end is read."""


class EmptyDisks(Lines):
    """Guests, of some that are off, that have never written anything to their disk."""

    def command(self, lab: str, guests: tuple[str, ...]) -> str:
        """Return a command that asks qemu-img(1) for each disk, and prints guests with an empty one."""
        # qemu-img reports "allocated-clusters" only if there are any.
        disks = (f"{shlex.quote(guest)} {shlex.quote(Layout(lab).disk(overlay(guest)))}" for guest in guests)
        return (
            'empty() { report=$(qemu-img check --output=json "$2" 2>/dev/null) || return 0; '
            'case $report in *allocated-clusters*) ;; *) echo "$1" ;; esac; }; '
            + "".join(f"empty {disk}; " for disk in disks)
            + "true"
        )


class Files(HostFact[dict[str, str]]):
    """The text of files, or their last lines, by path; a file that is missing or empty is left out."""

    default = dict

    def command(self, paths: tuple[str, ...], last: int | None = None) -> str:
        """Return a command that prints each file, with a blank before its lines, below a line ``@path``.

        :param paths: the files' paths on the host.
        :param last: number of the last lines to print; None for all lines.
        :return: the command.
        """
        show = "cat" if last is None else f"tail -n {last}"
        # A guest may write anything to its console: lines of any length, and what is no UTF-8.
        bound = (
            "" if last is None else f" | tail -c {last * LINE_BYTES} | iconv -c -f UTF-8 -t UTF-8 2>/dev/null"
        )
        # The last line of a console is often incomplete, such as a login prompt; $a\ ends it.
        lines = f"{show} \"$f\" 2>/dev/null{bound} | sed -e 's/^/ /' -e '$a\\'"
        return f'for f in {shlex.join(paths)}; do echo "@$f"; {lines}; done; true'

    def parse(self, output: list[str]) -> dict[str, str]:
        """Parse the output into texts by path."""
        files = sections(output)
        return {path: text(line[1:] for line in lines) for path, lines in files.items() if lines}
