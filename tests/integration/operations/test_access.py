"""Sessions in containers: a real sshd of an account of its own, as in a container, seen by its host."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from minetlab.lab import Student
from minetlab.operations import access
from minetlab.plan import Container
from minetlab.secrets import keys
from minetlab.tp.tp_images import TP_USER
from tests.support.deployed import OPTIONS, Deployed
from tests.support.private_host import PrivateHost, is_open, private_host

PORT = 20000
# As templates/tp/etc/minet-lab/sshd_config: the student's own account runs it.
SSHD = """\
set -e
useradd --create-home --home-dir /home/{user} --password '*' --shell /bin/sh --non-unique --uid {uid} {user}
mkdir -p /run/{user}
ssh-keygen -q -t ed25519 -N '' -f /run/{user}/host_key
echo '{key}' >/run/{user}/authorized_keys
chown -R {user} /run/{user}
cat >/run/{user}/sshd_config <<END
Port {port}
HostKey /run/{user}/host_key
AuthorizedKeysFile /run/{user}/authorized_keys
UsePAM no
PidFile none
StrictModes no
END
runuser -u {user} -- /usr/sbin/sshd -f /run/{user}/sshd_config -E /run/{user}/log
timeout 30 sh -c 'until ss --no-header -tln sport = {port} | grep -q .; do sleep 0.1; done'
"""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivateHost]:
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "state"))
    # Numbers as high as those of containers are not there in a user namespace.
    monkeypatch.setattr(access, "container_user", lambda port: port - 18000)
    (tmp_path / "host").mkdir()
    with private_host(tmp_path / "host") as host:
        yield host


def test_sessions_of_a_container_end_and_its_sshd_and_other_containers_stay(host: PrivateHost) -> None:
    pair = keys.student_key("minet", "alice")
    run_sshd = SSHD.format(user=TP_USER, uid=PORT - 18000, port=PORT, key=pair.public)
    host.prints(run_sshd)
    ssh = [
        "ssh",
        *OPTIONS,
        "-i",
        str(pair.private),
        "-p",
        str(PORT),
        f"{TP_USER}@127.0.0.1",
        "echo open; cat",
    ]
    alice = Student(login="alice", name="Alice")
    hers = Container("minet-alice-isa", alice, "ct1", "isa", PORT)
    another = Container("minet-bob-isa", alice, "ct1", "isa", PORT + 1)
    deployed = Deployed(host)
    with host.session(*ssh) as session:
        assert not deployed.does(access.end_sessions, containers=())
        assert deployed.does(access.end_sessions, containers=(another,))
        assert is_open(session)
        assert deployed.does(access.end_sessions, containers=(hers, another))
        session.wait(30)
    with host.session(*ssh) as session:
        assert is_open(session)
