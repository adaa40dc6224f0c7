"""``lab audit`` of a lab that runs in the sandbox: twelve faults are planted, found, and gone again."""

import json
import shlex
from collections.abc import Iterator

import pytest

from benchmarks import attacks as programs
from benchmarks.attacks import in_background, perl
from minetlab.resources.docker import ANY_ADDRESS
from minetlab.resources.jump import jump_account
from minetlab.resources.layout import Layout, overlay
from minetlab.ssh.ssh_config import ssh_command
from tests.e2e.lab_under_test import LAB, LabUnderTest, lab_in_sandbox

# In each run, the same faults are planted on a host within this machine: tests/integration/audit.
pytestmark = pytest.mark.long
GUEST, CONTAINER = "minet-alice", "minet-bob-processus"
LAYOUT = Layout("minet")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMalloryMalloryMalloryMalloryMalloryMallor mallory"
# Behind the lab's table, another one leads a guest from its host's sshd to a service that it may reach.
HOLE = f"""
table ip hole {{
    chain prerouting {{
        type nat hook prerouting priority dstnat;
        iifname "{LAYOUT.bridge}" ip saddr ADDRESS tcp dport 22 redirect to :53
    }}
}}
"""
# All that an audit could change of a host, but for what its machines write all the time.
STATE = r"""
find /etc /root /home /usr/local /var/lib/minet-lab /var/lib/libvirt /var/lib/apt /var/cache/apt \
    /var/log/apt -xdev -not -path '*/disks/*' \
    -not -path '*/consoles/*' -printf '%p %m %U %s %T@\n' 2>/dev/null | sort
nft --stateless list tables; bridge link; virsh -q list --all 2>/dev/null; docker ps --all --quiet 2>/dev/null
true
"""
Kind = tuple[str, str]


@pytest.fixture(scope="module")
def deployed() -> Iterator[LabUnderTest]:
    """The lab of two students, as it is after it has come up."""
    with lab_in_sandbox({}, 2) as under_test:
        under_test.lab("up", "-i", under_test.inventory)
        under_test.keep("up")
        yield under_test


def weaknesses(lab: LabUnderTest) -> list[dict[str, str]]:
    """What the audit finds; its exit status says whether that is anything."""
    done = lab.run(*LAB, "audit", "--json", "-i", lab.inventory, check=False)
    found: list[dict[str, str]] = json.loads(done.stdout)
    assert done.returncode == bool(found)
    return found


def on(lab: LabUnderTest, host: str, command: str) -> str:
    """Run a command on a host, which must not fail; returns what it prints."""
    return lab.run(*ssh_command(lab.ssh_config, host, command)).stdout


def test_nothing_is_weak_in_a_lab_that_has_come_up(deployed: LabUnderTest) -> None:
    deployed.come_back("up", to_be_changed=False)
    before = {host: on(deployed, host, STATE) for host in ("hv1", "ct1")}
    assert weaknesses(deployed) == []
    assert {host: on(deployed, host, STATE) for host in ("hv1", "ct1")} == before


def plant(lab: LabUnderTest) -> dict[Kind, str]:
    """Plant twelve faults of as many kinds; returns a few words of each, by its machine and rule."""
    address = next(
        interface.split()[3].partition("/")[0]
        for interface in on(lab, GUEST, "ip -4 -oneline address show scope global").splitlines()
        if "docker" not in interface
    )
    tap = f"$(virsh -q domiflist {GUEST} | awk '{{ print $1 }}')"
    for host, command in (
        ("hv1", in_background(perl(programs.LISTEN, ANY_ADDRESS, 4444), "/run/planted")),
        ("hv1", f"chmod 0644 {LAYOUT.disk(overlay(GUEST))}"),
        ("hv1", "usermod --append --groups libvirt games"),
        ("hv1", f"virsh -q nwfilter-binding-delete {tap}"),
        ("hv1", f"echo {shlex.quote(HOLE.replace('ADDRESS', address))} | nft --file -"),
        ("hv1", f"usermod --shell /bin/sh {jump_account('minet')}"),
        ("ct1", f"docker update --pids-limit 4096 {CONTAINER}"),
        ("ct1", "nft insert rule inet minet-lab-minet dbr-minet-to-host tcp dport 631 accept"),
        ("ct1", "echo PasswordAuthentication yes >/etc/ssh/sshd_config.d/01-planted.conf"),
        ("ct1", f"echo {shlex.quote(KEY)} >>/root/.ssh/authorized_keys"),
    ):
        on(lab, host, command)
    lab.set_group_data("kvm_hosts", "guest", {"bandwidth": 1000})
    (lab.state / "labs" / "minet" / "keys" / "students" / "alice").chmod(0o644)
    return {
        ("hv1", "open ports"): "tcp 0.0.0.0:4444 (perl) is not the lab's",
        ("hv1", "files"): f"{overlay(GUEST)} (a guest's disk) has mode 0644",
        ("hv1", "daemons"): "group libvirt, these have root's rights: games",
        ("hv1", "interfaces"): f"{GUEST} can send in the name of others",
        (GUEST, "from inside"): "it reaches port 22 of 10.77.0.1",
        ("hv1", "jump account"): "has the shell /bin/sh",
        ("ct1", "containers"): f"{CONTAINER}: its limit of processes is 4096, not 128",
        ("ct1", "firewall"): "not as in its file are inet dbr-minet-to-host",
        ("ct1", "sshd"): "passwordauthentication is yes",
        ("ct1", "authorized keys"): "mallory",
        ("hv1", "settings"): "guest.bandwidth is 1000",
        ("this machine", "secrets"): "keys/students/alice has mode 0644",
    }


def test_twelve_faults_are_found_and_nothing_else_and_are_gone_when_they_are_mended(
    deployed: LabUnderTest,
) -> None:
    deployed.come_back("up")
    planted = plant(deployed)
    found = weaknesses(deployed)
    assert len(found) == len(planted) == 12, found
    by_kind = {(weakness["machine"], weakness["rule"]): weakness["problem"] for weakness in found}
    assert by_kind.keys() == planted.keys()
    assert {kind: words for kind, words in planted.items() if words not in by_kind[kind]} == {}
    deployed.come_back("up")
    assert weaknesses(deployed) == []
