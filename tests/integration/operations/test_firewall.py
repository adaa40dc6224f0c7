"""The lab's firewall: loaded by the deploy, and attacked from machines behind its bridges."""

import shlex
import time
from collections.abc import Iterator
from typing import Any

import pytest

from minetlab.lab import ContainerHost, ContainerHostSettings, KvmHost, KvmHostSettings, Lab, Student
from minetlab.operations import firewall
from minetlab.plan import allocate
from minetlab.resources.firewall import MAX_CONNECTIONS, MAX_CONVERSATIONS, MAX_LOGINS, MAX_VISITS
from tests.support.deployed import Deployed
from tests.support.private_host import PrivateHost, private_host

# Two guests and a container behind their bridges, and a server on the campus network, with two addresses.
JOIN = """
listen() {  # NAME PORT
    ip netns exec $1 python3 /run/listen $2 >/dev/null 2>&1 &
}
join() {  # NAME ADDRESS GATEWAY BRIDGE: a machine with an address behind a bridge
    ip netns add $1
    ip link add v$1 type veth peer name eth0 netns $1
    ip -netns $1 link set lo up
    ip -netns $1 address add $2 dev eth0
    ip -netns $1 link set eth0 up
    ip -netns $1 route add default via $3
    [ -z "$4" ] || ip link set v$1 master $4
    ip link set v$1 up
    listen $1 80
}
set -e
"""
MACHINES = f"""{JOIN}
cat >/run/listen <<'END'
import socket, sys, time
# Nobody takes the connections, which the kernel makes all the same.
with socket.create_server(("", int(sys.argv[1])), backlog=4096):
    time.sleep(3600)
END
ip address del 10.77.0.1/24 dev lo
for bridge in vbr-minet:10.77.0.1 dbr-minet:10.201.0.1; do
    ip link add ${{bridge%:*}} type bridge
    ip address add ${{bridge#*:}}/24 dev ${{bridge%:*}}
    ip link set ${{bridge%:*}} up
done
join alice 10.77.0.11/24 10.77.0.1 vbr-minet
join bob 10.77.0.12/24 10.77.0.1 vbr-minet
for guest in alice bob; do bridge link set dev v$guest isolated on; done
join container 10.201.0.2/24 10.201.0.1 dbr-minet
join campus 192.0.2.2/24 192.0.2.1 ""
ip address add 192.0.2.1/24 dev vcampus
for address in 198.51.100.5 169.254.169.254; do
    ip -netns campus address add $address/32 dev lo
    ip route add $address via 192.0.2.2
done
echo 1 >/proc/sys/net/ipv4/ip_forward
python3 /run/listen 53 >/dev/null 2>&1 &
python3 /run/listen 8080 >/dev/null 2>&1 &
"""
# Stands for systemd, which a private host does not have: starts and reloads our service, as its unit says.
SYSTEMCTL = r"""#!/bin/sh
run() { sed -n "s/^$1=-*//p" "/etc/systemd/system/$2" | sh; }
mkdir -p /run/enabled
case "$1 $2" in
    "is-enabled "*) [ ! -e "/run/enabled/$2" ] || echo enabled;;
    "enable --now")
        shift 2
        for unit; do touch "/run/enabled/$unit"; run ExecStart "$unit"; run ExecStartPost "$unit"; done;;
    "disable --now")
        shift 2
        for unit; do rm "/run/enabled/$unit"; run ExecStop "$unit"; done;;
    "reload-or-restart "*) run ExecReload "$2";;
esac
"""


def lab_of(
    *egress: str, containers: str | tuple[str, ...] = "open", network: dict[str, Any] | None = None
) -> Lab:
    more = {"guest_network": network} if network else {}
    guests = KvmHostSettings.model_validate({"egress": list(egress), **more})
    settings = ContainerHostSettings.model_validate(
        {"egress": containers if isinstance(containers, str) else list(containers)}
    )
    return Lab(
        name="minet",
        students=(Student(login="alice", name="Alice"), Student(login="bob", name="Bob")),
        kvm_hosts=(KvmHost(name="@local", settings=guests),),
        container_hosts=(ContainerHost(name="@local", settings=settings),),
    )


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """A host with two guests and a container, the firewall of their lab, and a neighbour on the campus."""
    with private_host(tmp_path_factory.mktemp("host")) as host:
        host.prints(MACHINES)
        host.run("sh", "-c", "cat >/usr/local/bin/systemctl", stdin=SYSTEMCTL)
        wait_until_they_listen(host, "10.77.0.1/53", "10.77.0.11/80", "10.201.0.2/80", "198.51.100.5/80")
        deployed = Deployed(host)
        assert loads(deployed, lab_of("198.51.100.0/24"))
        yield deployed


def loads(deployed: Deployed, lab: Lab) -> bool:
    return deployed.does(firewall.load, lab=lab, plan=allocate(lab))


def reached(host: PrivateHost, machine: str, *targets: str) -> set[str]:
    """Which of these ``ADDRESS/PORT`` a machine reaches; ``host`` is the host itself."""
    script = 'for t; do timeout 5 bash -c "exec 3<>/dev/tcp/$t" 2>/dev/null && echo "$t" & done; wait'
    within = () if machine == "host" else ("ip", "netns", "exec", machine)
    return set(host.run(*within, "sh", "-c", script, "sh", *targets).stdout.split())


def wait_until_they_listen(host: PrivateHost, *targets: str) -> None:
    deadline = time.monotonic() + 60
    while reached(host, "host", *targets) != set(targets):
        assert time.monotonic() < deadline


def test_a_guest_reaches_nothing_of_its_host_but_dns(deployed: Deployed) -> None:
    ports = [
        f"{address}/{port}" for address in ("10.77.0.1", "10.201.0.1", "192.0.2.1") for port in (22, 53, 8080)
    ]
    assert reached(deployed.host, "host", *ports) == set(ports)
    assert reached(deployed.host, "alice", *ports) == {"10.77.0.1/53"}
    assert reached(deployed.host, "container", *ports) == set()


def test_neighbours_do_not_reach_each_other_and_their_host_reaches_them(deployed: Deployed) -> None:
    machines = {"10.77.0.11/80", "10.77.0.12/80", "10.201.0.2/80"}
    assert reached(deployed.host, "host", *machines) == machines
    assert reached(deployed.host, "alice", *machines - {"10.77.0.11/80"}) == set()
    assert reached(deployed.host, "container", *machines - {"10.201.0.2/80"}) == set()


def test_beyond_the_host_they_reach_what_the_settings_say(deployed: Deployed) -> None:
    campus = ("192.0.2.2/80", "198.51.100.5/80")
    assert reached(deployed.host, "host", "169.254.169.254/80") == {"169.254.169.254/80"}
    assert reached(deployed.host, "container", "169.254.169.254/80") == set()
    assert reached(deployed.host, "alice", *campus) == {"198.51.100.5/80"}
    assert reached(deployed.host, "container", *campus) == set(campus)
    assert loads(deployed, lab_of(containers=()))
    assert reached(deployed.host, "alice", *campus) == reached(deployed.host, "container", *campus) == set()
    deployed.host.prints("echo '192.0.2.2 mirror.example.org' >>/etc/hosts")
    assert loads(deployed, lab_of("mirror.example.org"))
    assert reached(deployed.host, "alice", *campus) == {"192.0.2.2/80"}
    assert loads(deployed, lab_of("198.51.100.0/24"))
    assert not loads(deployed, lab_of("198.51.100.0/24"))


def test_the_campus_reaches_what_is_published(deployed: Deployed) -> None:
    assert reached(deployed.host, "campus", "192.0.2.1/22", "192.0.2.1/8080") == {
        "192.0.2.1/22",
        "192.0.2.1/8080",
    }


TRANSFER = """
import socket, sys, time
size = int(sys.argv[2])
def receive(server):
    connection, _ = server.accept()
    while connection.recv(1 << 20):
        pass
    connection.close()
if sys.argv[1] == "receive":
    with socket.create_server(("", 81)) as server:
        print("listening", flush=True)
        receive(server)
else:
    start = time.monotonic()
    with socket.create_connection((sys.argv[1], 81), timeout=30) as connection:
        connection.sendall(bytes(size))
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)
    print(time.monotonic() - start)
"""


def seconds_to_send(host: PrivateHost, sender: str, receiver: str, address: str, size: int) -> float:
    """How long bytes take from one machine to another, until the last of them has been received."""
    within = "ip netns exec"
    python = f"python3 -c {shlex.quote(TRANSFER)}"
    script = (
        f"mkfifo /run/ready; {within} {receiver} {python} receive 0 >/run/ready & "
        f"read ready </run/ready; rm /run/ready; {within} {sender} {python} {address} {size}"
    )
    return float(host.prints(script))


@pytest.mark.parametrize(
    ("sender", "receiver", "address"),
    [("container", "campus", "192.0.2.2"), ("campus", "container", "10.201.0.2")],
)
def test_a_container_sends_and_receives_no_more_than_its_bandwidth(
    deployed: Deployed, sender: str, receiver: str, address: str
) -> None:
    lab = lab_of("198.51.100.0/24")
    (container_host,) = lab.container_hosts
    bytes_per_second = container_host.settings.container.bandwidth * 125_000
    # What a second allows may come at once.
    seconds = seconds_to_send(deployed.host, sender, receiver, address, 3 * bytes_per_second)
    assert seconds > 1.9


def test_one_machine_cannot_use_up_the_host_s_connections(deployed: Deployed) -> None:
    loads(deployed, lab_of("198.51.100.0/24"))
    assert held(deployed.host, "alice", "198.51.100.5") == MAX_CONNECTIONS
    assert reached(deployed.host, "bob", "198.51.100.5/80") == {"198.51.100.5/80"}


def test_one_machine_cannot_use_up_logins_through_its_host(deployed: Deployed) -> None:
    """Each is a channel of the jump account, whatever the number of connections to it."""
    machines = {"alice": ("10.77.0.11", 22), "container": ("10.201.0.2", 2222)}
    for name, (address, port) in machines.items():
        within = f"ip netns exec {name}"
        listens = f"{within} ss -Hltn sport = :{port} | grep -q ."
        start = f"{within} python3 /run/listen {port} >/dev/null 2>&1 &"
        deployed.host.prints(f"{start} until {listens}; do sleep 0.1; done")
        assert held(deployed.host, "host", address, port) == MAX_LOGINS
    deployed.host.prints("ip netns exec bob python3 /run/listen 22 >/dev/null 2>&1 &")
    wait_until_they_listen(deployed.host, "10.77.0.12/22")


def test_one_address_of_the_campus_cannot_use_up_a_container_s_connections(deployed: Deployed) -> None:
    assert held(deployed.host, "campus", "10.201.0.2") == MAX_VISITS
    assert reached(deployed.host, "host", "10.201.0.2/80") == {"10.201.0.2/80"}


def test_one_guest_cannot_use_up_what_the_dns_server_answers_at_a_time(deployed: Deployed) -> None:
    loads(deployed, lab_of())
    assert held(deployed.host, "alice", "10.77.0.1", 53) == MAX_CONVERSATIONS
    assert reached(deployed.host, "bob", "10.77.0.1/53") == {"10.77.0.1/53"}


ASKS = """
import socket, sys
def mac(text):
    return bytes.fromhex(text.replace(":", ""))
if sys.argv[1] == "server":
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind(("", 67))
        print("listening", flush=True)
        asked = b""
        while asked != mac(sys.argv[2]):
            asked = server.recv(1000)[28:34]
            print(asked.hex(":"), flush=True)
else:
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
        client.bind(("", 68))
        for chaddr in sys.argv[2:]:
            for address in ("10.77.0.1", "255.255.255.255"):
                client.sendto(bytes(28) + mac(chaddr) + bytes(202), (address, 67))
"""


def test_a_guest_asks_by_dhcp_for_itself_alone(deployed: Deployed) -> None:
    alice, bob = (guest.mac for guest in allocate(lab_of()).guests)
    python = f"python3 -c {shlex.quote(ASKS)}"
    server = f"mkfifo /run/asked; {python} server {alice} >/run/asked & exec 3</run/asked; read ready <&3"
    within = "ip netns exec alice"
    ask = f"{within} ip link set eth0 address {alice}; {within} {python} client {bob} {alice}"
    asked = deployed.host.prints(f"{server}; {ask}; cat <&3; rm /run/asked").split()
    assert set(asked) == {alice}


def held(host: PrivateHost, machine: str, address: str, port: int = 80) -> int:
    """How many connections a machine gets to a port where somebody listens; ``host`` is the host itself."""
    script = """
import socket, sys
opened = []
try:
    while len(opened) < 1000:
        opened.append(socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5))
except OSError:
    pass
print(len(opened))
"""
    within = () if machine == "host" else ("ip", "netns", "exec", machine)
    return int(host.run(*within, "python3", "-c", script, address, str(port)).stdout)


BRIDGED = {
    "mode": "bridge",
    "bridge": "br0",
    "subnet": "203.0.113.0/24",
    "gateway": "203.0.113.1",
    "nameservers": ["203.0.113.3"],
}


def test_guests_on_a_bridge_of_the_host_reach_what_they_may_there(deployed: Deployed) -> None:
    """Beside them, the bridge has the host itself, and machines of the campus."""
    lab = lab_of("203.0.113.2", network=BRIDGED)
    alice, bob = allocate(lab).guests
    deployed.host.prints(
        "ip link add br0 type bridge; ip address add 203.0.113.1/24 dev br0; ip link set br0 up"
    )
    for name, address in (("carol", alice.address.ip), ("dave", bob.address.ip), ("allowed", "203.0.113.2")):
        deployed.host.prints(f"{JOIN} join {name} {address}/24 203.0.113.1 br0")
    deployed.host.prints(f"{JOIN} join other 203.0.113.3/24 203.0.113.1 br0; listen other 53")
    for name, guest in (("carol", alice), ("dave", bob)):
        deployed.host.prints(
            f"ip -netns {name} link set eth0 address {guest.mac}; bridge link set dev v{name} isolated on"
        )
    wait_until_they_listen(deployed.host, "203.0.113.2/80", "203.0.113.3/53", f"{bob.address.ip}/80")
    assert loads(deployed, lab)
    theirs = {f"203.0.113.{end}" for end in ("1/22", "2/80", "3/80", "3/53")} | {f"{bob.address.ip}/80"}
    assert reached(deployed.host, "carol", *theirs) == {"203.0.113.2/80", "203.0.113.3/53"}
    assert reached(deployed.host, "other", *theirs, f"{alice.address.ip}/80") >= {
        "203.0.113.1/22",
        f"{alice.address.ip}/80",
    }
    assert loads(deployed, lab_of("198.51.100.0/24"))


def test_rules_that_somebody_else_removed_are_loaded_again_and_removed_for_good(deployed: Deployed) -> None:
    deployed.host.prints("nft flush ruleset")
    assert reached(deployed.host, "alice", "10.77.0.1/22") == {"10.77.0.1/22"}
    lab = lab_of("198.51.100.0/24")
    assert loads(deployed, lab)
    assert reached(deployed.host, "alice", "10.77.0.1/22") == set()
    assert deployed.does(firewall.remove, lab="minet")
    assert (
        deployed.host.prints(
            "nft list ruleset; ls /etc/minet-lab /etc/systemd/system | grep minet-lab- || true"
        )
        == ""
    )
    assert not deployed.does(firewall.remove, lab="minet")
