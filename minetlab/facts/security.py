"""The fact for the audit: what keeps a host's machines and accounts apart, in one command that only reads."""

import shlex

from minetlab.facts.base import HostFact
from minetlab.facts.libvirt import OPEN_SOCKETS, VIRSH
from minetlab.resources.docker import LAB_LABEL, lab_folder
from minetlab.resources.dockerd import DAEMON_CONFIG
from minetlab.resources.firewall import FOLDER, rules_file, table
from minetlab.resources.jump import JUMP_KEYS_FOLDER, jump_account, settings_file
from minetlab.resources.layout import Layout
from minetlab.resources.security import MOST_FILES, SSH_CONNECTS_AS, SecurityObserved, parse
from minetlab.resources.units import UNITS

MOST_KEY_LINES = 1000
"""How many lines of an account's authorized keys are read."""
SETTINGS_FOR = "host=localhost,addr=127.0.0.1"
# The name and the process come first, so that the shell finds them.
_INSPECT = (
    '{"Name":{{json .Name}},"Pid":{{json .State.Pid}},"AppArmorProfile":{{json .AppArmorProfile}},'
    '"HostConfig":{{json .HostConfig}},"Mounts":{{json .Mounts}},'
    '"Networks":{{json .NetworkSettings.Networks}}}'
)
# Each section's lines begin with a blank, so that nothing in them begins another section.
_HOST = r"""
export LC_ALL=C
section() {{ echo "@$1"; shift; "$@" 2>/dev/null | sed 's/^/ /'; }}
confined() {{  # NAME PID; a process that has just ended is none
    user=$(stat --format=%u "/proc/$2") && calls=$(grep '^Seccomp:' "/proc/$2/status") || return 0
    echo "$1 $user ${{calls##*[[:space:]]}}" \
        "$(tr -d '\0' <"/proc/$2/attr/apparmor/current" 2>/dev/null || tr -d '\0' <"/proc/$2/attr/current")"
}}
files() {{ find {folders} -xdev -printf '%m %U %C@ %y %p\n' | head -n {most_files}; }}
rules() {{ for family in inet bridge; do nft --stateless list table "$family" {table}; done; }}
# What the kernel makes of the file: in a network of its own, which ends with the command.
rules_of_file() {{
    list='nft --stateless list table'
    unshare --net sh -c "nft --file {rules_file} && {{ $list inet {table}; $list bridge {table}; }}"
}}
authorized_keys() {{
    for account in root ${{SUDO_USER:-}}; do
        home=$(getent passwd "$account" | cut -d : -f 6)
        for file in "$home/.ssh/authorized_keys" "$home/.ssh/authorized_keys2"; do
            [ ! -f "$file" ] || section "keys $file" head -n {most_key_lines} "$file"
        done
    done
}}
# Without files of caches and of its planner's log, apt-get writes nothing.
upgrades() {{
    timeout 60 apt-get --simulate -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
        -o Dir::Log::Planner= -o Debug::NoLocking=true upgrade || echo failed
}}
as_nobody='setpriv --reuid=65534 --regid=65534 --clear-groups'
section time date +%s
section listeners ss -Hlntup
section files files
section ports bridge -json -details link show
section rules rules
section rules-of-file rules_of_file
section sshd /usr/sbin/sshd -T -C user={account},{settings_for}
[ ! -e {jump_settings} ] || section sshd-of-jump /usr/sbin/sshd -T -C user={jump},{settings_for}
authorized_keys
section groups getent group docker libvirt
section lists sh -c 'stat --format=%Y /var/lib/apt/lists/*_*Release | sort -n | tail -n 1'
section upgrades upgrades
"""
_LIBVIRT = r"""
index=$({virsh} 'list --uuid; nwfilter-binding-list' 2>/dev/null)
of_qemu() {{ for file in /run/libvirt/qemu/*.pid; do
    [ ! -f "$file" ] || {{ name=${{file##*/}}; confined "${{name%.pid}}" "$(cat "$file")"; }}
done; }}
domains() {{
    dump=$(printf '%s\n' "$index" | sed -n 's/^[0-9a-f-]\{{36\}}$/dumpxml &;/p' | tr '\n' ' ')
    [ -z "$dump" ] || {virsh} "$dump"
}}
obeys_nobody() {{ ! timeout 20 $as_nobody {virsh} list </dev/null >/dev/null || echo libvirt; }}
section qemu of_qemu
section domains domains
section filtered sh -c 'printf "%s\n" "$1" | grep clean-traffic' sh "$index"
section open-to-all obeys_nobody
section open-sockets {open_sockets}
"""
_DOCKER = r"""
inspected=$(docker ps --quiet --filter {of_lab} 2>/dev/null |
    xargs --no-run-if-empty docker inspect --format {inspect} 2>/dev/null)
first_processes() {{
    printf '%s\n' "$inspected" | sed -n 's/^{{"Name":"[/]\([^"]*\)","Pid":\([0-9]*\),.*/\1 \2/p' |
        while read -r name pid; do confined "$name" "$pid"; done
}}
obeys_nobody() {{ [ ! -S /run/docker.sock ] || ! $as_nobody test -w /run/docker.sock || echo docker; }}
section dockerd docker info --format '{{{{json .SecurityOptions}}}}'
section containers printf '%s\n' "$inspected"
section first-processes first_processes
section network docker network inspect --format '{{{{json .Options}}}}' {lab}
section open-to-all obeys_nobody
"""


class SecurityState(HostFact[SecurityObserved]):
    """The host's sockets, files, confinement, firewall, sshd, keys and packages, as far as labs need them."""

    default = SecurityObserved

    def command(self, lab: str, *, libvirt: bool, docker: bool) -> str:
        """Return a command that prints sections for :func:`minetlab.resources.security.parse`.

        :param lab: the lab's name.
        :param libvirt: whether to ask libvirtd, which would start it where it is not to run.
        :param docker: whether to ask dockerd, likewise.
        :return: the command.
        """
        layout = Layout(lab)
        folders = (
            *(layout.folder, lab_folder(lab), FOLDER, f"{JUMP_KEYS_FOLDER}/{lab}", settings_file(lab)),
            *(DAEMON_CONFIG, layout.modprobe_options, layout.modules_load),
        )
        units = f"{UNITS}/minet-lab-{lab}"
        command = "".join([_HOST, *([_LIBVIRT] if libvirt else []), *([_DOCKER] if docker else []), "true\n"])
        return command.format(
            account=SSH_CONNECTS_AS,
            folders=f"{shlex.join(folders)} {shlex.quote(units)}*",
            inspect=shlex.quote(_INSPECT),
            jump=jump_account(lab),
            jump_settings=settings_file(lab),
            lab=lab,
            most_files=MOST_FILES,
            most_key_lines=MOST_KEY_LINES,
            open_sockets=OPEN_SOCKETS,
            of_lab=shlex.quote(f"label={LAB_LABEL}={lab}"),
            rules_file=rules_file(lab),
            settings_for=SETTINGS_FOR,
            table=table(lab),
            virsh=VIRSH,
        )

    def parse(self, output: list[str]) -> SecurityObserved:
        """Parse the sections."""
        return parse(output)
