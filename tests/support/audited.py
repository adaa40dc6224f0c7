"""A lab that runs and is audited: a private host, with machines of students that are networks of their own.

Its sshd, firewall, bridges, files, accounts, packages and sockets are real. libvirt and Docker are programs
that print what those would, as the lab has it.
"""

import json
import shlex
from dataclasses import replace
from typing import Any

from minetlab.lab import Lab
from minetlab.operations import access, firewall, jump, specs
from minetlab.plan import Container, Guest, Plan, allocate
from minetlab.resources.docker import container_specs, terminals
from minetlab.resources.layout import Layout, overlay
from minetlab.resources.seccomp import PROFILE
from minetlab.resources.slices import container_slice
from minetlab.secrets import keys, passwords
from tests.support.deployed import Deployed
from tests.support.private_host import PrivateHost
from tests.support.rotation import Command

GATEWAY, DOCKER_GATEWAY = "10.77.0.1", "10.201.0.1"
LAYOUT = Layout("minet")
# systemd, for our firewall's units and for sshd.
SYSTEMCTL = r"""#!/bin/sh
run() { sed -n "s/^$1=-*//p" "/etc/systemd/system/$2" | sh; }
mkdir -p /run/enabled
case "$1 $2" in
    "is-enabled "*) [ ! -e "/run/enabled/$2" ] || echo enabled;;
    "enable --now") shift 2; for unit; do touch "/run/enabled/$unit"; run ExecStart "$unit"; done;;
    "reload-or-restart "*) run ExecReload "$2";;
    "try-reload-or-restart "*) kill -HUP "$(cat /run/sshd.pid)";;
esac
"""
VIRSH = """#!/bin/sh
[ "$(id -u)" = 0 ] || exit 1
case $* in
    *dumpxml*) cat /run/fake/domains;;
    *"list --uuid"*) echo 498c5712-cdfe-5c00-ab20-053a78ae65de; cat /run/fake/filtered;;
esac
"""
DOCKER = """#!/bin/sh
case $* in
    info*) cat /run/fake/dockerd;;
    ps*) echo 123456789abc;;
    "network inspect"*) cat /run/fake/network;;
    inspect*) cat /run/fake/containers;;
esac
"""
# What leads a published port to its container.
PROXY = """
import socket, sys, threading
open("/proc/self/comm", "w").write("docker-proxy")
def pump(source, target):
    while data := source.recv(65536):
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)
with socket.create_server(("0.0.0.0", int(sys.argv[1]))) as server:
    while True:
        here, there = server.accept()[0], socket.create_connection((sys.argv[2], 2222))
        for pair in ((here, there), (there, here)):
            threading.Thread(target=pump, args=pair, daemon=True).start()
"""
NETWORKS = f"""
set -e
ip address del 10.77.0.1/24 dev lo
for bridge in vbr-minet:{GATEWAY} dbr-minet:{DOCKER_GATEWAY}; do
    ip link add ${{bridge%:*}} type bridge
    ip address add ${{bridge#*:}}/24 dev ${{bridge%:*}}
    ip link set ${{bridge%:*}} up
done
"""
# A machine of a student: a network behind a bridge, in which an sshd answers.
MACHINE = """
set -e
join() {  # TAP NAME ADDRESS GATEWAY BRIDGE PORT KEY AUTHORIZED
    ip netns add $2
    ip link add $1 type veth peer name eth0 netns $2
    ip -netns $2 link set lo up
    ip -netns $2 address add $3/24 dev eth0
    ip -netns $2 link set eth0 up
    ip -netns $2 route add default via $4
    ip link set $1 master $5
    bridge link set dev $1 isolated on
    ip link set $1 up
    printf '%s\\n' "Port $6" "HostKey $7" "AuthorizedKeysFile $8" 'PidFile none' >/run/$2.conf
    echo 'StrictModes no' >>/run/$2.conf
    ip netns exec $2 /usr/sbin/sshd -f /run/$2.conf
}
"""
# A mirror with a newer version of a package that the host has; apt knows of it once it is fetched.
MIRROR = """
set -e
mkdir -p /etc/apt/apt.conf.d /var/lib/apt/lists/partial /var/lib/dpkg /run/apt/archives/partial /run/mirror
echo 'APT::Sandbox::User "root"; Dir::Cache "/run/apt";' >/etc/apt/apt.conf.d/root
echo 'deb [trusted=yes] file:/run/mirror ./' >/etc/apt/sources.list
printf '%s\\n' 'Package: hello' 'Status: install ok installed' 'Maintainer: a' 'Architecture: all' \
    'Version: 1' 'Description: a' >/var/lib/dpkg/status
offer() {
    printf '%s\\n' 'Package: hello' "Version: $1" 'Architecture: all' 'Maintainer: a' 'Description: a' \
        'Filename: hello.deb' 'Size: 1' "SHA256: $(printf %064d 0)" >/run/mirror/Packages
    set -- "$(sha256sum </run/mirror/Packages | cut -d ' ' -f 1)" "$(stat --format=%s /run/mirror/Packages)"
    printf '%s\\n' 'Origin: Debian-Security' 'Label: Debian-Security' 'SHA256:' " $1 $2 Packages" \
        >/run/mirror/Release
    apt-get update
}
"""


class AuditedLab:
    """The lab of two students on one host, which is deployed and runs."""

    def __init__(self, command: Command, lab: Lab) -> None:
        self.command, self.host, self.state = command, command.host, command.folder / "state"
        # pyinfra runs on the host itself, which is called otherwise there.
        self.plan = allocate(lab)
        self.lab = lab
        self._install_programs()
        self.host.prints(NETWORKS)
        self.host.add_account("lab", keys.lab_key("minet").public, root=True)
        self.host.prints("useradd --create-home --password '*' --shell /bin/sh etudiant")
        for number, machine in enumerate(self.plan.machines):
            self._start(machine, number)
        self._deploy()
        self._put_files()
        self.host.prints(f"{MIRROR} offer 1")
        for login in ("alice", "bob"):
            passwords.student("minet", login)

    def audit(self, *options: str) -> tuple[int, str]:
        """Run ``lab audit``; its exit status, and what it prints."""
        return self.command.run("-m", "minetlab", "audit", *options, "--inventory")

    def weaknesses(self) -> list[dict[str, str]]:
        """What it finds."""
        status, output = self.audit("--json")
        weaknesses: list[dict[str, str]] = json.loads(output)
        assert status == bool(weaknesses), output
        return weaknesses

    def write(self, name: str, content: str) -> None:
        """Have libvirt or Docker say something."""
        self.host.run("sh", "-c", f"mkdir -p /run/fake && cat >/run/fake/{name}", stdin=content)

    def inspected(self, **config: Any) -> str:
        """What Docker says of the containers, of which the first has these options."""
        (settings,) = (host.settings for host in self.lab.container_hosts)
        images = {container.tp_image: "" for container in self.plan.containers}
        lines: list[dict[str, Any]] = []
        for number, spec in enumerate(container_specs("minet", self.plan.containers, settings, images)):
            lines.append(
                {
                    "Name": f"/{spec.name}",
                    "Pid": 0,
                    "AppArmorProfile": "docker-default",
                    "HostConfig": {
                        "Privileged": False,
                        "ReadonlyRootfs": True,
                        "CapAdd": None,
                        "CapDrop": ["ALL"],
                        "SecurityOpt": ["no-new-privileges", f"seccomp={PROFILE}"],
                        "Devices": [],
                        "PidMode": "",
                        "IpcMode": "private",
                        "UTSMode": "",
                        "UsernsMode": "",
                        "CgroupParent": container_slice("minet", spec.name),
                        "Memory": spec.memory * 2**20,
                        "MemorySwap": spec.memory * 2**20,
                        "PidsLimit": spec.pids,
                        "NanoCpus": 1_000_000_000,
                        "Ulimits": [{"Name": "nofile", "Hard": spec.files, "Soft": spec.files}],
                    }
                    | (config if not number else {}),
                    "Mounts": [
                        {"Type": "bind", "Source": f"/var/lib/minet-lab/minet/access/{spec.name}"},
                        {"Type": "bind", "Source": spec.home},
                        {"Type": "bind", "Source": terminals("minet", spec.name)},
                    ],
                    "Networks": {"minet": {"Gateway": DOCKER_GATEWAY, "IPAddress": self._address(number)}},
                }
            )
        return "".join(f"{json.dumps(line)}\n" for line in lines)

    @staticmethod
    def _address(number: int) -> str:
        return f"10.201.0.{number + 2}"

    def _install_programs(self) -> None:
        for name, content in (("systemctl", SYSTEMCTL), ("virsh", VIRSH), ("docker", DOCKER)):
            put = f"cat >/usr/local/bin/{name} && chmod 755 /usr/local/bin/{name}"
            self.host.run("sh", "-c", put, stdin=content)
        self.host.run("sh", "-c", "cat >/run/proxy", stdin=PROXY)
        self.write("dockerd", '["name=apparmor","name=seccomp,profile=builtin","name=cgroupns"]\n')
        self.write("network", '{"com.docker.network.bridge.enable_icc":"false"}\n')
        self.write("containers", self.inspected())
        self.write("domains", "".join(map(self._domain, range(2), self.plan.guests)))
        self.write("filtered", "".join(f" vnet{number}   clean-traffic\n" for number in range(2)))

    def _domain(self, number: int, guest: Guest) -> str:
        (settings,) = (host.settings for host in self.lab.kvm_hosts)
        xml = specs.guest_spec("minet", guest, settings, "base", None).xml
        return xml.replace("</interface>", f'<target dev="vnet{number}"/></interface>')

    def _start(self, machine: Guest | Container, number: int) -> None:
        self.write("authorized_keys", f"{keys.lab_key('minet').public}\n")
        if isinstance(machine, Guest):
            network = (str(machine.address.ip), GATEWAY, "vbr-minet", "22")
            key, tap = keys.guest_host_key("minet", machine.name).private, f"vnet{number}"
        else:
            number -= len(self.plan.guests)
            network = (self._address(number), DOCKER_GATEWAY, "dbr-minet", "2222")
            key, tap = keys.container_host_key("minet", machine.name).private, f"veth{number}"
        words = (tap, machine.name, *network, str(key), "/run/fake/authorized_keys")
        self.host.prints(f"{MACHINE} join {shlex.join(words)}")
        if isinstance(machine, Container):
            proxy = f"python3 /run/proxy {machine.ssh_port} {network[0]} >/dev/null 2>&1 &"
            self.host.prints(proxy)

    def _deploy(self) -> None:
        hosts = {
            "kvm_hosts": tuple(host.model_copy(update={"name": "@local"}) for host in self.lab.kvm_hosts),
            "container_hosts": tuple(
                host.model_copy(update={"name": "@local"}) for host in self.lab.container_hosts
            ),
        }
        there = self.lab.model_copy(update=hosts)
        plan = Plan(
            tuple(_moved(guest) for guest in self.plan.guests),
            tuple(_moved(container) for container in self.plan.containers),
        )
        deployed = Deployed(self.host)
        deployed.does(jump.account, lab=there, plan=plan)
        deployed.does(jump.limit, lab=there)
        deployed.does(access.keys, lab="minet", containers=plan.containers)
        deployed.does(firewall.load, lab=there, plan=plan)
        settings = "/etc/ssh/sshd_config.d/10-host.conf"
        self.host.prints(
            f"echo 'KbdInteractiveAuthentication no' >{settings}; systemctl try-reload-or-restart ssh"
        )

    def _put_files(self) -> None:
        """Put the files of guests where libvirt and the deploy do, with the modes that they give them."""
        folders = (LAYOUT.folder, LAYOUT.disks, LAYOUT.consoles)
        self.host.prints(f"mkdir -p {LAYOUT.folder} && install -d -m 0711 {shlex.join(folders)}")
        files = [LAYOUT.disk(overlay(guest.name)) for guest in self.plan.guests]
        files += [LAYOUT.console(guest.name) for guest in self.plan.guests]
        self.host.prints(f"touch {shlex.join(files)} && chmod 0600 {shlex.join(files)}")


def _moved(machine: Any) -> Any:
    return replace(machine, host="@local")


def local(host: PrivateHost) -> set[str]:
    """All that an audit could change of a host: its files, rules and bridges."""
    # The kernel counts the audit's own connections to machines.
    rules = "nft --stateless list ruleset | grep -v 'elements = .* ct count over'"
    lines = host.prints(
        "find /etc /home /usr/local /var/lib /var/log /run -xdev ! -path '/run/netns*' ! -path '*/sshd.log' "
        f"-printf '%p %m %U %s %T@\\n'; {rules}; bridge -details link; "
        "cat /etc/passwd /etc/shadow /etc/ssh/sshd_config.d/*"
    )
    return set(lines.splitlines())
