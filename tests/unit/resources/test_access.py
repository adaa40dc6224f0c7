"""Files that let people in: which are sent, and in what archive."""

import io
import re
import tarfile
from dataclasses import replace
from hashlib import sha256
from ipaddress import IPv4Network

import pytest

from minetlab.lab import BridgedNetwork, NatNetwork
from minetlab.resources.access import (
    AccessFile,
    ObservedFile,
    archive,
    guest_logins,
    outdated,
    sessions_of,
    with_keys_replaced,
)

OLD, NEW, OWN = "ssh-ed25519 AAAAold lab", "ssh-ed25519 AAAAnew lab", "ssh-rsa AAAAown me@home"

FILES = {
    "b/keys/authorized": AccessFile(b"ssh-ed25519 AAAA\n", 0o644, 33),
    "a/host_key": AccessFile(b"secret\n", 0o600, 34),
    "a/empty": AccessFile(b"", 0o640, 33),
}


def test_files_that_are_missing_or_differ_are_outdated() -> None:
    present = {
        path: ObservedFile(sha256(file.content).hexdigest(), file.owner) for path, file in FILES.items()
    }
    assert outdated(FILES, present) == {}
    assert outdated(FILES, {}) == FILES
    host_key = "a/host_key"
    for other in (replace(present[host_key], sha256="0"), replace(present[host_key], owner=0)):
        changed = {**present, host_key: other, "c": other}
        assert outdated(FILES, changed) == {host_key: FILES[host_key]}


def test_the_archive_has_each_folder_before_its_files_and_only_files_are_the_owners() -> None:
    with tarfile.open(fileobj=io.BytesIO(archive(FILES))) as tar:
        members = tar.getmembers()
        contents = {each.name: tar.extractfile(each) for each in members if each.isfile()}
        assert {name: file.read() for name, file in contents.items() if file} == {
            path: file.content for path, file in FILES.items()
        }
    assert [(each.name, each.isdir(), oct(each.mode), each.uid, each.gid) for each in members] == [
        ("a", True, "0o755", 0, 0),
        ("b/keys", True, "0o755", 0, 0),
        ("a/empty", False, "0o640", 33, 33),
        ("a/host_key", False, "0o600", 34, 34),
        ("b/keys/authorized", False, "0o644", 33, 33),
    ]


def test_a_key_is_replaced_and_the_others_stay_where_they_are() -> None:
    text = f"# mine\n{OWN}\n\n{OLD}\n"
    assert with_keys_replaced(text, [NEW], [OLD]) == f"# mine\n{OWN}\n\n{NEW}\n"


def test_a_key_is_known_whatever_options_and_comment_it_has() -> None:
    text = f'restrict,command="a b" ssh-ed25519 AAAAold other words\nno-pty {OWN}'
    assert with_keys_replaced(text, [], [OLD]) == f"no-pty {OWN}\n"
    assert with_keys_replaced(NEW, [], [OLD]) == f"{NEW}\n"
    assert with_keys_replaced(text, ["ssh-rsa AAAAown lab"], []) == f"{text}\n"


def test_a_key_in_a_comment_lets_nobody_in_so_it_is_added() -> None:
    assert with_keys_replaced(f"  # {NEW}\n", [NEW], []) == f"  # {NEW}\n{NEW}\n"


def test_keys_are_added_to_an_empty_file_in_their_order() -> None:
    assert with_keys_replaced("", [NEW, OWN], [OLD]) == f"{NEW}\n{OWN}\n"
    assert with_keys_replaced("", [], []) == ""


def test_a_line_with_options_is_added_once_and_its_key_is_dropped() -> None:
    (line,) = guest_logins(NatNetwork(mode="nat", subnet=IPv4Network("10.77.0.0/24")), [NEW])
    assert line == f'from="10.77.0.1" {NEW}'
    assert with_keys_replaced(f"{OLD}\n", [line], [OLD]) == f"{line}\n"
    assert with_keys_replaced(f"{line}\n", [line], [OLD]) == f"{line}\n"
    assert with_keys_replaced(f"{NEW}\n", [line], []) == f"{NEW}\n"
    assert with_keys_replaced(f"{line}\n{OWN}\n", [], [NEW]) == f"{OWN}\n"


def test_students_reach_a_bridged_guest_from_everywhere() -> None:
    network = BridgedNetwork.model_validate(
        {
            "mode": "bridge",
            "bridge": "br0",
            "subnet": "192.0.2.0/24",
            "gateway": "192.0.2.1",
            "nameservers": ["192.0.2.1"],
        }
    )
    assert guest_logins(network, [NEW, OWN]) == [NEW, OWN]


@pytest.mark.parametrize("prefix", ["sshd: ", "sshd-session: "])
def test_sessions_of_an_account_are_known_by_what_sshd_calls_its_processes(prefix: str) -> None:
    for rest, ends in {
        "alice@pts/0": True,
        "alice@notty": True,
        "alice [priv]": True,
        "lab": True,
        "alice2@pts/0": False,
        "bob@pts/0": False,
        "/usr/sbin/sshd -D [listener] 0 of 10-100 startups": False,
    }.items():
        assert bool(re.search(sessions_of(["alice", "lab"]), prefix + rest)) == ends, rest
    assert not re.search(sessions_of(["alice"]), "vi sshd: alice@pts/0")
