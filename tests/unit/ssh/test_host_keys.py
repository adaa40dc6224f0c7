"""Host keys: read as OpenSSH reads them, asked of real servers, and pinned where OpenSSH and pyinfra look."""

import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from paramiko import HostKeys

from minetlab.secrets.keys import key_pair
from minetlab.ssh import host_keys
from minetlab.ssh.host_keys import Endpoint, HostKey, KnownKeys
from tests.support.fake_program import put_first_in_path
from tests.support.ssh_server import SshServer

NAME = "hv1.example.org"


def key_of(folder: Path, name: str) -> HostKey:
    key_type, key, *_ = key_pair(folder / "keys" / name, name).public.split()
    return HostKey(key_type, key)


def at(folder: Path, *own: Path, hostname: str = NAME, port: int = 22) -> Endpoint:
    name = hostname if port == 22 else f"[{hostname}]:{port}"
    return Endpoint("hv1", hostname, port, name, False, folder / "pinned" / "known_hosts", own)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    pair = key_pair(tmp_path / "keys" / "server", "server")
    server = SshServer("admin", str(pair.private), pair.public)
    yield server
    server.close()


def test_a_key_is_shown_as_ssh_keygen_shows_it(tmp_path: Path) -> None:
    for key_type, shown in (("ed25519", "ED25519"), ("ecdsa", "ECDSA"), ("rsa", "RSA")):
        file = tmp_path / key_type
        generate = ["ssh-keygen", "-q", "-t", key_type, "-N", "", "-C", "a comment", "-f", str(file)]
        subprocess.run(generate, check=True)
        show = ["ssh-keygen", "-lf", f"{file}.pub"]
        said = subprocess.run(show, check=True, capture_output=True, text=True).stdout.split()
        name, key, *_ = file.with_suffix(".pub").read_text().split()
        assert str(HostKey(name, key)) == f"{shown} {said[1]}"


def test_a_hashed_name_is_found_and_a_revoked_key_is_none(tmp_path: Path) -> None:
    good, bad, authority = (key_of(tmp_path, name) for name in ("good", "bad", "authority"))
    file = tmp_path / "known_hosts"
    lines = [f"{NAME} {good.line}", f"{NAME} {bad.line}", f"elsewhere {authority.line}"]
    file.write_text(
        "\n".join([*lines, f"@revoked {NAME} {bad.line}", f"@cert-authority * {authority.line}\n"])
    )
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    assert f"\n{NAME}" not in file.read_text()
    assert host_keys.keys_in(file, [NAME]) == (good,)
    assert host_keys.keys_in(file, ["another"]) == ()
    assert host_keys.keys_in(tmp_path / "nothing", [NAME]) == ()


def test_a_pinned_key_comes_before_what_the_admins_own_ssh_knows(tmp_path: Path) -> None:
    own = tmp_path / "own"
    host, mine, labs = at(tmp_path, tmp_path / "none", own), key_of(tmp_path, "a"), key_of(tmp_path, "b")
    assert host_keys.known(host) == KnownKeys()
    own.write_text(f"{NAME} {mine.line}\n")
    assert host_keys.known(host) == KnownKeys((mine,), own)
    host_keys.pin(host, [labs])
    assert host_keys.known(host) == KnownKeys((labs,), host.pin_file)
    assert host_keys.known_hosts([host]) == f"{NAME} {labs.line}\n"


def test_openssh_says_where_a_host_answers(tmp_path: Path) -> None:
    host = host_keys.endpoint("hv1", {"HostName": "192.0.2.7", "Port": "2222"}, tmp_path)
    assert (host.hostname, host.port, host.names) == ("192.0.2.7", 2222, ("[192.0.2.7]:2222",))
    assert (host.pin_file, host.proxied) == (tmp_path, False)
    assert Path("/etc/ssh/ssh_known_hosts") in host.own_files
    capital = host_keys.endpoint("HV1", {}, tmp_path)
    assert (capital.hostname, capital.names) == ("HV1", ("hv1", "HV1"))
    aliased = host_keys.endpoint("hv1", {"HostKeyAlias": "hv", "ProxyJump": "gate"}, None)
    assert (aliased.names, aliased.proxied) == (("hv", "hv1"), True)
    assert aliased.pin_file == aliased.own_files[0]
    assert not host_keys.endpoint("hv1", {"ProxyCommand": "none"}, None).proxied


def test_a_server_is_asked_for_its_keys(tmp_path: Path, server: SshServer) -> None:
    host = at(tmp_path, hostname="127.0.0.1", port=server.port)
    assert host_keys.scan(host) == (key_of(tmp_path, "server"),)


def test_who_does_not_answer_shows_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    host = at(tmp_path, hostname="127.0.0.1", port=port)
    assert host_keys.scan(host) == ()
    put_first_in_path(tmp_path, "ssh-keyscan", "exec sleep 60", monkeypatch)
    monkeypatch.setattr(host_keys, "SCAN_LIMIT", 0.2)
    assert host_keys.scan(host) == ()
    put_first_in_path(tmp_path, "ssh-keyscan", "exec yes", monkeypatch)
    monkeypatch.setattr(host_keys, "SCAN_LIMIT", 30.0)
    assert host_keys.scan(host) == ()


def test_a_host_behind_another_one_is_not_asked(tmp_path: Path, server: SshServer) -> None:
    """Somebody else may have its address where this machine is."""
    host = replace(at(tmp_path, hostname="127.0.0.1", port=server.port), proxied=True)
    assert host_keys.scan(host) == ()


def test_of_several_keys_one_is_compared() -> None:
    rsa, ed25519, other = HostKey("ssh-rsa", "B"), HostKey("ssh-ed25519", "Z"), HostKey("ssh-x", "A")
    assert host_keys.to_pin([rsa, other, ed25519]) == ed25519
    assert host_keys.to_pin([other, rsa]) == rsa
    assert host_keys.to_pin([other]) == other


@pytest.mark.parametrize(
    "before", [None, "", "# of ours\nother ssh-ed25519 AAAA", "other ssh-ed25519 AAAA\n"]
)
def test_a_key_is_pinned_beside_what_is_in_the_file(tmp_path: Path, before: str | None) -> None:
    host, key = at(tmp_path, hostname="192.0.2.7", port=2222), key_of(tmp_path, "a")
    if before is not None:
        host.pin_file.parent.mkdir()
        host.pin_file.write_text(before)
    host_keys.pin(host, [key])
    assert host.pin_file.read_text().startswith(host_keys.PIN_HEADING if before is None else before)
    assert host.pin_file.read_text().endswith(f"\n[192.0.2.7]:2222 {key.line}\n"[0 if before else 1 :])
    assert host_keys.keys_in(host.pin_file, host.names) == (key,)
    (read,) = HostKeys(str(host.pin_file))["[192.0.2.7]:2222"].values()
    assert read.get_base64() == key.key
    assert [path.name for path in host.pin_file.parent.iterdir()] == ["known_hosts"]
