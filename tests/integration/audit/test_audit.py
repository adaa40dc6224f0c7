"""``lab audit`` of a lab that runs: what is planted is found, all of it and nothing else."""

import pytest

from minetlab.lab import Lab
from minetlab.resources.jump import settings_file
from minetlab.resources.layout import overlay
from minetlab.secrets import keys
from tests.support.audited import LAYOUT, MIRROR, AuditedLab, local
from tests.support.rotation import Command, command, host, lab

__all__ = ["command", "host", "lab"]  # fixtures


@pytest.fixture
def audited(command: Command, lab: Lab) -> AuditedLab:
    return AuditedLab(command, lab)


def test_nothing_is_found_in_a_lab_as_it_was_deployed(audited: AuditedLab) -> None:
    before = local(audited.host)
    assert audited.audit() == (0, "Nothing weak was found in the lab minet.\n")
    assert local(audited.host) ^ before == set()


def plant(audited: AuditedLab) -> dict[tuple[str, str], str]:
    """Plant a fault of each of twelve kinds; returns a few words of each, by its machine and rule."""
    host = audited.host
    keys.key_pair(audited.command.folder / "stranger", "mallory@elsewhere")
    stranger = (audited.command.folder / "stranger.pub").read_text().strip()
    for script in (
        "python3 -c 'import socket, time; s = socket.create_server((\"\", 4444)); time.sleep(600)' "
        ">/dev/null 2>&1 & sleep 1",
        f"chmod 0644 {LAYOUT.disk(overlay('minet-alice'))}",
        "groupadd docker; useradd --groups docker carol",
        "echo ' vnet1   clean-traffic' >/run/fake/filtered",
        # A wire from one guest to the other, which no bridge and no firewall sees.
        "ip link add wire netns minet-alice type veth peer name wire netns minet-bob; "
        "for end in alice/1 bob/2; do ip -netns minet-${end%/*} address add 192.0.2.${end#*/}/24 dev wire; "
        "ip -netns minet-${end%/*} link set wire up; done; "
        f"ip -netns minet-alice route add {audited.plan.guests[1].address.ip} via 192.0.2.2",
        "nft insert rule inet minet-lab-minet vbr-minet-to-host tcp dport 631 accept",
        "echo PasswordAuthentication yes >/etc/ssh/sshd_config.d/05-ours.conf",
        f"echo '    PermitTTY yes' >>{settings_file('minet')}",
        f"echo 'ssh-ed25519 {stranger.split()[1]} mallory' >>/home/root/.ssh/authorized_keys",
        f"{MIRROR} offer 2",
    ):
        host.prints(script)
    audited.write("containers", audited.inspected(Privileged=True))
    (audited.state / "labs" / "minet" / "passwords" / "students" / "alice").chmod(0o644)
    return {
        ("hv1", "open ports"): "tcp 0.0.0.0:4444 (python3) is not the lab's, and answers this machine",
        ("hv1", "files"): "minet-alice.qcow2 (a guest's disk) has mode 0644",
        ("hv1", "daemons"): "carol",
        ("hv1", "interfaces"): "minet-alice can send in the name of others",
        ("minet-alice", "from inside"): f"it reaches port 22 of {audited.plan.guests[1].address.ip}",
        ("hv1", "firewall"): "not as in its file are inet vbr-minet-to-host",
        ("hv1", "sshd"): "passwordauthentication is yes",
        ("hv1", "jump account"): "is not as planned",
        ("hv1", "authorized keys"): "mallory",
        ("hv1", "updates"): "1 packages lack security updates: hello",
        ("hv1", "containers"): "minet-alice-processus: --privileged is true, not false",
        ("this machine", "secrets"): "passwords/students/alice has mode 0644",
    }


def test_twelve_faults_are_found_and_nothing_else_and_nothing_is_changed(audited: AuditedLab) -> None:
    planted = plant(audited)
    before = local(audited.host)
    weaknesses = audited.weaknesses()
    assert len(weaknesses) == len(planted) == 12, weaknesses
    by_kind = {(weakness["machine"], weakness["rule"]): weakness for weakness in weaknesses}
    assert by_kind.keys() == planted.keys()
    for kind, words in planted.items():
        assert words in by_kind[kind]["problem"]
        assert by_kind[kind]["next_step"]
    status, table = audited.audit()
    assert (status, table.count("→")) == (1, 12)
    assert local(audited.host) ^ before == set()
