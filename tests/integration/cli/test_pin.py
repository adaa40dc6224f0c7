"""``lab check --pin``, and every way to a real host, with a real sshd whose key is pinned or is not."""

import shlex
import sys

import pytest

from minetlab.lab import Lab
from minetlab.secrets import keys
from minetlab.util.paths import PROJECT_ROOT
from tests.support.private_host import PrivateHost
from tests.support.rotation import Command, command, host, lab

__all__ = ["command", "host", "lab"]  # fixtures

OWN = "/home/root/.ssh/known_hosts"


def shown_by(host: PrivateHost, file: str = "/etc/ssh/host_key.pub") -> str:
    """The fingerprint, as an administrator reads it at the host's console."""
    return host.prints(f"ssh-keygen -lf {file}").split()[1]


def pin(command: Command, *options: str) -> tuple[int, str]:
    return command.run("-m", "minetlab", "check", "--pin", *options, "-i")


def pyinfra(command: Command) -> tuple[int, str]:
    """Deploy as people do who type pyinfra's own command."""
    words = (sys.executable, "-m", "pyinfra", "-y", "--data", "students=alice")
    line = shlex.join([*words, str(command.inventory), "deploys/keys.py"])
    state = f"MINETLAB_STATE={command.folder / 'state'}"
    result = command.host.run("sh", "-c", f"cd {shlex.quote(str(PROJECT_ROOT))} && {state} {line} 2>&1")
    return result.returncode, result.stdout


@pytest.fixture
def unpinned(command: Command) -> Command:
    command.known_hosts.unlink()
    return command


def test_a_host_that_is_not_pinned_is_deployed_to_by_nothing(
    unpinned: Command, lab: Lab, host: PrivateHost
) -> None:
    status, said = unpinned.run("-m", "minetlab", "check", "-i")
    assert status == 1
    assert f"it shows ED25519 {shown_by(host)}, which is not pinned yet" in said
    assert "./lab check --pin" in said
    status, said = unpinned.rotate()
    assert (status, "No host key for 127.0.0.1 found in known_hosts" in said) == (1, True), said
    status, said = pyinfra(unpinned)
    assert (status, "No host key for 127.0.0.1 found in known_hosts" in said) == (1, True), said
    assert host.run("test", "-e", OWN).returncode == 1


def test_pyinfra_by_itself_does_nothing_where_it_would_believe_any_key(command: Command, lab: Lab) -> None:
    lenient = command.inventory.read_text().replace("checking': 'yes'", "checking': 'accept-new'")
    command.inventory.write_text(lenient)
    status, said = pyinfra(command)
    assert status == 1
    assert "hv1: pyinfra would believe whatever key these hosts show at the first contact" in said
    assert "Traceback" not in said


def test_a_key_is_pinned_on_request_and_only_then(unpinned: Command, lab: Lab, host: PrivateHost) -> None:
    status, said = pin(unpinned)
    assert (status, "hv1 was not pinned, as there is nobody to ask" in said) == (1, True), said
    assert shown_by(host) in said
    assert not unpinned.known_hosts.exists()
    _, said = pin(unpinned, "-y")
    assert f"hv1: pinned in {unpinned.known_hosts}: commit it" in said
    key = host.prints("cat /etc/ssh/host_key.pub").split()[1]
    assert unpinned.known_hosts.read_text().splitlines()[1:] == [f"127.0.0.1 ssh-ed25519 {key}"]
    assert f"ED25519 {shown_by(host)} is pinned in {unpinned.known_hosts}" in said
    status, said = unpinned.rotate()
    assert "No host key" not in said
    pinned = unpinned.known_hosts.read_text()
    pin(unpinned, "-y")
    assert unpinned.known_hosts.read_text() == pinned


@pytest.mark.parametrize("answer", ["n", "y"])
def test_in_a_terminal_the_fingerprint_is_asked_about(
    unpinned: Command, lab: Lab, host: PrivateHost, answer: str
) -> None:
    words = (sys.executable, "-m", "minetlab", "check", "--pin", "-i", str(unpinned.inventory))
    state = f"MINETLAB_STATE={unpinned.folder / 'state'} MINETLAB_CACHE={unpinned.folder / 'cache'}"
    line = f"cd {shlex.quote(str(PROJECT_ROOT))} && {state} {shlex.join(words)}"
    said = host.run("script", "--quiet", "--command", line, "/dev/null", stdin=f"{answer}\n").stdout
    comparison = "on the host's own console, ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub prints it"
    assert f"hv1 (127.0.0.1) shows ED25519 {shown_by(host)}" in said
    assert f"Compare it: {comparison}." in said
    assert unpinned.known_hosts.exists() == (answer == "y"), said


def test_a_key_in_the_admins_own_file_counts_as_pinned_also_where_names_are_hashed(
    unpinned: Command, lab: Lab, host: PrivateHost
) -> None:
    host.prints(f"echo 127.0.0.1 $(cat /etc/ssh/host_key.pub) >{OWN} && ssh-keygen -q -H -f {OWN}")
    assert "127.0.0.1" not in host.prints(f"cat {OWN}")
    _, said = unpinned.run("-m", "minetlab", "check", "-i")
    assert f"ED25519 {shown_by(host)} is pinned in {OWN}" in said
    _, said = unpinned.rotate()
    assert "Connected" in said
    assert not unpinned.known_hosts.exists()
    _, said = pin(unpinned)
    assert f"hv1: ED25519 {shown_by(host)} is pinned now, as {OWN} has it" in said
    assert unpinned.known_hosts.read_text().splitlines()[1].startswith("127.0.0.1 ssh-ed25519 ")


def test_a_host_with_another_key_is_refused_by_both_fingerprints(
    command: Command, lab: Lab, host: PrivateHost
) -> None:
    other = keys.key_pair(command.folder / "other", "hv1")
    command.known_hosts.write_text(f"127.0.0.1 {other.public}\n")
    expected = shown_by(host, f"{other.private}.pub")
    for status, said in (command.run("-m", "minetlab", "check", "-i"), pin(command, "-y")):
        assert status == 1
        assert "hv1" in said
        changed = (
            f"it shows ED25519 {shown_by(host)}, but ED25519 {expected} is pinned in {command.known_hosts}"
        )
        assert changed in said
        assert f"ssh-keygen -f {command.known_hosts} -R '127.0.0.1'" in said
    assert command.known_hosts.read_text() == f"127.0.0.1 {other.public}\n"
    status, said = command.run("-m", "minetlab", "up", "-i")
    assert (status, "nothing was touched" in said, shown_by(host) in said) == (1, True, True), said
    status, said = command.rotate()
    assert (status, "REMOTE HOST IDENTIFICATION HAS CHANGED" in said) == (1, True), said
