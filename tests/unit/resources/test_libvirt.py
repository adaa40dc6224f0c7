"""Reading what a real libvirtd answered: data/libvirt_state.txt is the fact's output on Debian 12."""

import re
import socket
import subprocess
from contextlib import suppress
from ipaddress import IPv4Address
from pathlib import Path
from threading import Thread

import pytest
from pyinfra.api.exceptions import FactProcessError

from minetlab.facts.libvirt import Files, LibvirtState, SshAnswers
from minetlab.resources.libvirt import Label, LibvirtObserved, Pool, Reservation, parse

CAPTURED = (Path(__file__).parent / "data" / "libvirt_state.txt").read_text().splitlines()
DISKS = "/var/lib/libvirt/images/minet-lab/scratch/disks"
MAC = "52:54:00:52:00:b2"


def test_domains_are_read_with_their_label_and_state() -> None:
    domain = parse(CAPTURED).domains["scratch-alice"]
    assert (domain.type, domain.active, domain.autostart, domain.macs) == ("qemu", True, True, (MAC,))
    assert domain.label is not None
    assert domain.label.lab == "scratch"
    assert re.fullmatch("[0-9a-f]{64}", domain.label.spec)
    assert parse(CAPTURED).domains_of("scratch") == (domain,)
    assert parse(CAPTURED).domains_of("other") == ()


def test_networks_are_read_ours_and_others() -> None:
    networks = parse(CAPTURED).networks
    assert isinstance(networks["scratch"].label, Label)
    assert networks["scratch"].reservations == {Reservation(MAC, "alice", "10.78.0.178")}
    assert (networks["scratch"].active, networks["scratch"].autostart) == (True, True)
    assert (networks["default"].label, networks["default"].active) == (None, False)


def test_pool_and_volumes_are_read() -> None:
    observed = parse(CAPTURED)
    assert observed.pools == {"scratch": Pool("scratch", DISKS, active=True, autostart=True)}
    overlay = observed.volumes["scratch-alice.qcow2"]
    assert overlay.capacity == 3 * 2**30
    assert overlay.backing == f"{DISKS}/base-3b107e52f63f.qcow2"
    assert sum(name.endswith(".iso") for name in observed.volumes) == 1


def test_room_and_label_of_the_folder_are_read() -> None:
    observed = parse(CAPTURED)
    assert observed.memory > 1000
    assert observed.disk > 1000
    assert observed.owner == "scratch"
    assert observed.files == ("/var/lib/libvirt/images/minet-lab/scratch",)


def test_services_are_up_only_if_enabled_and_active() -> None:
    unit = ["ActiveState={}", "UnitFileState={}", "Id={}.service"]
    lines = ["@services"]
    for state in (("active", "enabled", "a"), ("inactive", "enabled", "b"), ("active", "disabled", "c")):
        lines += [line.format(word) for line, word in zip(unit, state, strict=True)]
    assert parse(lines).services == {"a.service"}


def test_host_without_libvirt_and_with_a_silent_one_differ() -> None:
    assert parse(["@memory", "900"]) == LibvirtObserved(memory=900)
    silent = parse(["@memory", "900", "@installed", "", "@xml"])
    assert (silent.installed, silent.answers) == (True, False)
    assert parse(CAPTURED).answers


@pytest.mark.parametrize("lines", [["@xml", "<network>"], ["@memory", "much"]])
def test_unreadable_answers_fail_the_host(lines: list[str]) -> None:
    with pytest.raises(FactProcessError):
        LibvirtState().process(lines)


def test_files_are_split_at_their_paths() -> None:
    files = Files().process(["@/a", " 1", " 2", "@/missing", "@/b", " @at the line's start"])
    assert files == {"/a": "1\n2\n", "/b": "@at the line's start\n"}


@pytest.mark.parametrize("last", [None, 2])
def test_the_end_of_a_file_within_a_line_is_not_the_next_ones(tmp_path: Path, last: int | None) -> None:
    consoles = {"a": "0\n1\nlogin: ", "b": "@/etc/passwd\n\n", "c": ""}
    for name, text in consoles.items():
        (tmp_path / name).write_text(text)
    paths = {name: str(tmp_path / name) for name in (*consoles, "missing")}
    command = Files().command(tuple(paths.values()), last)
    said = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
    assert Files().process(said.splitlines()) == {
        paths["a"]: "0\n1\nlogin: \n" if last is None else "1\nlogin: \n",
        paths["b"]: "@/etc/passwd\n\n",
    }


def test_addresses_that_answer_are_read() -> None:
    assert SshAnswers().process(["10.0.0.1", "", "10.0.0.2"]) == {"10.0.0.1", "10.0.0.2"}


def greet(server: socket.socket) -> None:
    """Say to whoever connects what an SSH server does, until the server is closed."""
    with suppress(OSError):
        while True:
            with server.accept()[0] as client, suppress(BrokenPipeError):
                client.sendall(b"SSH-2.0-OpenSSH\r\n")


def asked(port: int, wait: int) -> frozenset[str]:
    """Which of two addresses of this machine answer at a port that stands for SSH's, by the hosts' script."""
    command = SshAnswers().command((IPv4Address("127.0.0.1"), IPv4Address("127.0.0.2")), wait)
    done = subprocess.run(
        ["sh", "-c", command.replace("/22", f"/{port}")],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return SshAnswers().process(done.stdout.splitlines())


def test_a_host_waits_until_a_guest_answers_and_no_longer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        greeter = Thread(target=greet, args=(server,), daemon=True)
        # What accepts connections and says nothing is not an SSH server.
        assert asked(port, 0) == frozenset()
        greeter.start()
        assert asked(port, 60) == {"127.0.0.1"}
        server.shutdown(socket.SHUT_RDWR)  # to close it does not end the thread's accept()
    assert asked(port, 0) == frozenset()
