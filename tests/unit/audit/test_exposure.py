"""What machines of students are to try, and what is made of their answers."""

import socket
import subprocess
from dataclasses import replace

from minetlab.audit.exposure import MOST_TARGETS, attempts, command, from_inside, ports_to_try, reached
from minetlab.lab import KvmHostSettings
from minetlab.resources.security import Listener
from tests.support.audit import clean_host

HOST = clean_host()


def test_each_machine_tries_its_host_and_its_neighbours() -> None:
    targets = {attempt.machine.name: attempt.targets for attempt in attempts(HOST)}
    addresses = {guest.name: str(guest.address.ip) for guest in HOST.guests}
    ports = sorted(container.ssh_port for container in HOST.containers)
    assert set(targets) == {*addresses, *(container.name for container in HOST.containers)}
    host = {f"10.0.0.1/{port}" for port in (22, *ports)}
    assert set(targets["lab-alice"]) == host | {f"{addresses['lab-bob']}/22"}
    assert targets["lab-alice"][0] == "10.0.0.1/22"
    assert set(targets["lab-bob-processus"]) == {
        *(f"10.201.0.1/{port}" for port in (22, *ports)),
        "10.201.0.2/2222",
    }


def test_machines_that_are_off_try_nothing_and_those_that_run_not_too_much() -> None:
    assert list(attempts(clean_host(taps={}, containers={}))) == []
    many = tuple(Listener("tcp", "*", port) for port in range(1000, 2000))
    assert all(len(attempt.targets) <= MOST_TARGETS + 2 for attempt in attempts(clean_host(listeners=many)))


def test_guests_on_a_bridge_of_the_host_try_their_neighbours_only() -> None:
    network = {
        "mode": "bridge",
        "bridge": "br0",
        "subnet": "10.0.0.0/27",
        "gateway": "10.0.0.30",
        "nameservers": ["10.0.0.29"],
    }
    host = replace(HOST, kvm=KvmHostSettings.model_validate({"guest_network": network}), containers=())
    assert all(len(attempt.targets) == 1 for attempt in attempts(host))


def test_this_machine_tries_what_is_not_the_labs() -> None:
    listeners = (
        *HOST.security.listeners,
        Listener("tcp", "*", 9100),
        Listener("tcp", "127.0.0.1", 9101),
        Listener("udp", "*", 9102),
    )
    host = clean_host(listeners=listeners)
    assert ports_to_try(host) == (9100,)
    assert ports_to_try(replace(host, in_sandbox=True)) == ()


def test_a_machine_can_lie_but_name_nothing_that_it_was_not_to_try() -> None:
    attempt = next(attempts(HOST))
    lie = "asked\n10.0.0.1/22\n203.0.113.9/22\n\x1b[2J\n"
    assert reached(attempt, lie) == ("10.0.0.1/22",)
    assert reached(attempt, "10.0.0.1/22\n") is None
    assert [problem for _, problem, _ in from_inside(("10.0.0.1/22",))] == ["it reaches port 22 of 10.0.0.1"]


def test_the_command_says_what_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        answering, refusing = (f"127.0.0.1/{end.getsockname()[1]}" for end in (server, closed))
        for shell in ("sh", "bash"):
            line = command([answering, refusing])
            output = subprocess.run([shell, "-c", line], capture_output=True, text=True, check=False).stdout
            assert output.split() == ["asked", answering]
