"""Reading what a real libvirtd answered: data/libvirt_state.txt is the fact's output on Debian 12."""

import re
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest
from pyinfra.api.exceptions import FactProcessError

from minetlab.facts.libvirt import Files, LibvirtState, SshAnswers
from minetlab.resources.libvirt import (
    Domain,
    Label,
    LibvirtObserved,
    ObservedNetwork,
    Pool,
    Reservation,
    Volume,
    parse,
)

CAPTURED = (Path(__file__).parent / "data" / "libvirt_state.txt").read_text().splitlines()
DISKS = "/var/lib/libvirt/images/minet-lab/scratch/disks"
MAC = "52:54:00:52:00:b2"


def test_domains_are_read_with_their_label_and_state() -> None:
    domain = parse(CAPTURED).domains["scratch-alice"]
    assert (domain.type, domain.active, domain.autostart, domain.macs) == ("qemu", True, True, (MAC,))
    assert domain.label.lab == "scratch"
    assert re.fullmatch("[0-9a-f]{64}", domain.label.spec)
    assert parse(CAPTURED).domains_of("scratch") == (domain,)
    assert parse(CAPTURED).domains_of("other") == ()


def test_networks_are_read_ours_and_others() -> None:
    networks = parse(CAPTURED).networks
    assert networks["scratch"].label.lab == "scratch"
    assert networks["scratch"].reservations == {Reservation(MAC, "alice", "10.78.0.178")}
    assert (networks["scratch"].active, networks["scratch"].autostart) == (True, True)
    assert (networks["default"].label, networks["default"].active) == (Label(), False)


def test_pool_and_volumes_are_read() -> None:
    observed = parse(CAPTURED)
    assert observed.pools == {"scratch": Pool(DISKS, active=True, autostart=True)}
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


def test_each_unit_is_told_from_the_next_by_a_key_that_comes_again() -> None:
    units = [("a", "active", "enabled"), ("b", "active", "enabled"), ("c", "failed", "enabled")]
    lines = ["@services"]
    for name, state, file_state in units:
        lines += [f"Id={name}", f"ActiveState={state}", f"UnitFileState={file_state}", ""]
    assert parse(lines).services == {"a", "b"}
    assert parse(["@services"]).services == frozenset()


def test_each_thing_has_its_own_state() -> None:
    xml = [
        "<network><name>n1</name><uuid>1</uuid></network>",
        "<network><name>n2</name><uuid>2</uuid><ip><dhcp>"
        '<host mac="52:54:00:AA:00:01" name="a" ip="10.0.0.1"/><host mac="52:54:00:aa:00:02"/>'
        "</dhcp></ip></network>",
        "<pool><name>p3</name><uuid>3</uuid><target><path>/p</path></target></pool>",
        "<pool><name>p4</name><uuid>4</uuid></pool>",
        '<domain type="kvm"><name>d5</name><uuid>5</uuid><devices>'
        '<interface><mac address="52:54:00:AA:00:05"/></interface></devices></domain>',
        "<domain><name>d6</name><uuid>6</uuid></domain>",
    ]
    states = ["@networks-active", "1", "@networks-autostart", "2", "@pools-active", "3"]
    states += ["@pools-autostart", "4", "@domains-active", "5", "@domains-autostart", "6"]
    seen = parse([*states, "@xml", *xml])
    both = {
        name: (each.active, each.autostart)
        for things in (seen.networks, seen.pools, seen.domains)
        for name, each in things.items()  # type: ignore[attr-defined]
    }
    odd, even = (True, False), (False, True)
    assert both == {"n1": odd, "n2": even, "p3": odd, "p4": even, "d5": odd, "d6": even}
    assert seen.networks["n2"].reservations == {
        Reservation("52:54:00:aa:00:01", "a", "10.0.0.1"),
        Reservation("52:54:00:aa:00:02", "", ""),
    }
    assert (seen.pools["p3"].path, seen.pools["p4"].path) == ("/p", "")
    assert (seen.domains["d5"].type, seen.domains["d6"].type) == ("kvm", "")
    assert (seen.domains["d5"].macs, seen.domains["d6"].macs) == (("52:54:00:aa:00:05",), ())
    assert (seen.runs("d5"), seen.runs("d6"), seen.runs("d7")) == (True, False, False)
    assert seen.domains_of("minet") == ()


def test_a_volume_is_known_by_its_listed_name_until_its_xml_says_more() -> None:
    xml = "<volume><name>a.qcow2</name><capacity>5</capacity><allocation>3</allocation></volume>"
    volumes = parse(["@volumes", " a.qcow2  /a.qcow2", " b.iso  /b.iso", "@xml", xml]).volumes
    assert volumes == {"a.qcow2": Volume("a.qcow2", capacity=5, allocation=3), "b.iso": Volume("b.iso")}
    assert parse(["@xml", "<volume><name>c</name></volume>"]).volumes == {"c": Volume("c", 0, "", 0)}


def test_a_section_that_is_missing_or_empty_says_that_there_is_nothing() -> None:
    nothing = LibvirtObserved()
    assert parse([]) == parse(["@memory", "@disk", "@owner", "", "@files", "@xml"]) == nothing
    assert not any((nothing.installed, nothing.answers, nothing.memory, nothing.disk, nothing.owner))
    for things in (ObservedNetwork(), Pool(), Domain("a", "0")):
        assert (things.active, things.autostart) == (False, False)


@pytest.mark.parametrize("installed", [True, False])
@pytest.mark.parametrize("answers", [True, False])
def test_libvirt_is_silent_if_it_is_there_and_does_not_answer(installed: bool, answers: bool) -> None:
    assert LibvirtObserved(installed=installed, answers=answers).silent == (installed and not answers)


def test_a_label_may_lack_what_it_should_say() -> None:
    label = '<domain><name>a</name><metadata><m:label xmlns:m="urn:minet-lab:1"{}/></metadata></domain>'
    for attributes, expected in (("", Label("", "")), (' lab="x" spec="y"', Label("x", "y"))):
        assert parse(["@xml", label.format(attributes)]).domains["a"].label == expected


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
    command = SshAnswers().command(("127.0.0.1", "127.0.0.2"), wait)
    for there, here in (("/22", f"/{port}"), ("timeout 30", "timeout 1")):
        assert there in command
        command = command.replace(there, here)
    done = subprocess.run(
        ["sh", "-c", command],
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
