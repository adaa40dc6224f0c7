"""A student who is root in a guest, and a user in a container, tries to reach, deceive or starve others."""

import json
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial
from tempfile import TemporaryDirectory

import pytest

from benchmarks import attacks as programs
from benchmarks.attacks import in_background, perl
from minetlab.inventory.hosts import read_inventory
from minetlab.inventory.load import load_lab
from minetlab.plan import allocate
from minetlab.resources.docker import CONTAINER_SSH_PORT, docker_bridge
from minetlab.resources.firewall import MAX_LOGINS
from minetlab.resources.jump import MEMORY, MEMORY_OF_ONE
from tests.e2e.attacks import frames, system_calls
from tests.e2e.attacks.attacked import (
    BRIDGE,
    CONTAINER,
    GUEST,
    HEARD,
    NEIGHBOUR,
    NEIGHBOURING,
    Attacked,
)
from tests.e2e.lab_under_test import LabUnderTest, lab_in_sandbox
from tests.e2e.slowness import slowness

IOPS = 150
"""Few enough to be noticed where hosts are emulated."""
METADATA, CAMPUS, CAMPUS_GATEWAY = "169.254.169.254", "192.0.2.2", "192.0.2.1"
# What a host has and its machines may not reach: another network, and the metadata that clouds keep.
BEYOND = f"""
ip netns add campus && ip link add campus type veth peer name eth0 netns campus
ip address add {CAMPUS_GATEWAY}/24 dev campus; ip link set campus up; ip address add {METADATA}/32 dev lo
ip -netns campus address add {CAMPUS}/24 dev eth0; ip -netns campus link set eth0 up
ip -netns campus route add default via {CAMPUS_GATEWAY}
"""
INTERFACE = "ls /sys/class/net | grep -v -e lo -e docker"


@pytest.fixture(scope="module")
def deployed() -> Iterator[LabUnderTest]:
    """The lab of two students, and what else there is on their hosts' networks."""
    with lab_in_sandbox({}, 2) as under_test:
        under_test.set_group_data("container_hosts", "container", {"iops": IOPS})
        under_test.lab("up", "-i", under_test.inventory)
        plan = allocate(load_lab(read_inventory(under_test.inventory)))
        attacked = Attacked(under_test, plan)
        for host in ("hv1", "ct1"):
            attacked.on(host, BEYOND)
            campus = f"ip netns exec campus {perl(programs.LISTEN, CAMPUS, 80)}"
            attacked.on(host, in_background(campus, "/run/campus"))
            attacked.on(host, in_background(perl(programs.LISTEN, METADATA, 80), "/run/metadata"))
        under_test.keep("up")
        yield under_test


@pytest.fixture
def attacked(deployed: LabUnderTest) -> Iterator[Attacked]:
    """The same; whatever was tried, no machine was restarted, and no host had to kill for want of memory."""
    deployed.come_back("up", to_be_changed=False)
    attacked = Attacked(deployed, allocate(load_lab(read_inventory(deployed.inventory))))
    before = attacked.started()
    yield attacked
    assert attacked.started() == before
    out_of_memory = "journalctl --dmesg --boot --no-pager | grep 'Out of memory' || true"
    assert {host: attacked.on(host, out_of_memory) for host in ("hv1", "ct1")} == {"hv1": "", "ct1": ""}


def test_a_guest_deceives_nobody_on_the_wire(attacked: Attacked) -> None:
    attacker, neighbour, host = (attacked.nic(name) for name in (GUEST, NEIGHBOUR, "hv1"))
    (interface,) = attacked.on(GUEST, INTERFACE).split()
    attacked.on("hv1", in_background(perl(frames.HEAR, BRIDGE, "own"), HEARD))
    listener = perl(frames.HEAR, interface, "from-host")
    attacked.on(NEIGHBOUR, f"sudo sh -c {shlex.quote(in_background(listener, HEARD))}")
    own = frames.arp_reply(attacker.hardware, attacker.address, "own")
    rogue_dhcp = frames.udp(attacker.hardware, attacker.address, (67, 68), "dhcp-server")
    forged = frames.forged(attacker, neighbour, host)
    attacked.send(GUEST, interface, [*forged.values(), rogue_dhcp, own])
    assert forged.keys() & attacked.heard("hv1", "own") == set(), "in another's name, frames reach the host"
    attacked.send("hv1", BRIDGE, [frames.arp_reply(host.hardware, host.address, "from-host")])
    assert attacked.heard(NEIGHBOUR, "from-host") == set(), "frames of a guest reach its neighbour"
    attacked.still_works()


def test_a_guest_cannot_fill_the_table_of_the_bridge(attacked: Attacked) -> None:
    attacker = attacked.nic(GUEST)
    (interface,) = attacked.on(GUEST, INTERFACE).split()
    count = f"bridge fdb show br {BRIDGE} | wc -l"
    before = int(attacked.on("hv1", count))
    addresses = (bytes([0x52, 0x54, 0, 7, number >> 8, number & 255]) for number in range(1000))
    attacked.send(GUEST, interface, (frames.arp_reply(mac, attacker.address, "many") for mac in addresses))
    assert int(attacked.on("hv1", count)) < before + 10
    attacked.still_works()


@pytest.mark.parametrize(("attacker", "host"), [(GUEST, "hv1"), (CONTAINER, "ct1")])
def test_a_machine_reaches_nothing_but_dns(attacked: Attacked, attacker: str, host: str) -> None:
    at_host = attacked.served_by(host)
    assert any(target.endswith("/22") for target in at_host)
    networks = '{{(index .NetworkSettings.Networks "minet").IPAddress}}'
    inspect = f"docker inspect --format {shlex.quote(networks)} {NEIGHBOURING}"
    if host == "hv1":
        neighbour = f"{attacked.nic(NEIGHBOUR).address}/22"
    else:
        neighbour = f"{attacked.on(host, inspect).strip()}/{CONTAINER_SSH_PORT}"
        published = {str(container.ssh_port) for container in attacked.plan.containers}
        assert published <= {target.partition("/")[2] for target in at_host}
    # To a sandbox host, 10.0.2.2 is the loopback interface of this machine.
    with socket.create_server(("127.0.0.1", 0), backlog=100) as admins:
        loopback = f"10.0.2.2/{admins.getsockname()[1]}"
        targets = {*at_host, neighbour, f"{CAMPUS}/80", f"{METADATA}/80", loopback}
        assert attacked.reached(host, targets) == targets, "nobody reaches what is not there"
        dns = {target for target in at_host if target.endswith("/53")} if host == "hv1" else set()
        assert attacked.reached(attacker, targets) <= dns
    attacked.still_works()


@pytest.mark.parametrize(
    ("attacker", "host", "bridge"), [(GUEST, "hv1", BRIDGE), (CONTAINER, "ct1", docker_bridge("minet"))]
)
def test_datagrams_reach_no_service_of_the_host(
    attacked: Attacked, attacker: str, host: str, bridge: str
) -> None:
    attacked.on(host, in_background(perl(programs.HEAR_UDP, 4000, "end"), HEARD))
    (link,) = json.loads(attacked.on(host, f"ip -json -4 address show dev {bridge}"))
    targets = [f"{address}/4000" for address in (link["addr_info"][0]["local"], "192.0.2.1")]
    attacked.on(attacker, perl(programs.SEND_UDP, "attack", *targets))
    attacked.on(host, perl(programs.SEND_UDP, "end", targets[0]))
    assert attacked.heard(host, "end") == set()


@pytest.mark.parametrize("host", ["hv1", "ct1"])
def test_who_holds_connections_shuts_nobody_out(attacked: Attacked, host: str) -> None:
    """Two hundred from one address, such as that of a class behind NAT, while others log in from there."""
    shown = subprocess.run(
        ["ssh", "-G", "-F", attacked.lab.ssh_config, host], capture_output=True, text=True, check=True
    ).stdout
    port = int(dict(line.split(maxsplit=1) for line in shown.splitlines())["port"])
    with ExitStack() as held:
        for _ in range(200):
            held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
        attacked.on(host, "true", "-S", "none")
        machine = GUEST if host == "hv1" else CONTAINER
        assert attacked.as_alice(machine, "true").returncode == 0


def test_who_holds_connections_to_a_container_shuts_out_no_other_address(attacked: Attacked) -> None:
    port = attacked.ssh_port(NEIGHBOURING)
    hold = f"ip netns exec campus {perl(programs.HOLD, CAMPUS_GATEWAY, port, 200)}"
    attacked.on("ct1", in_background(hold, "/run/holding"))
    try:
        for _ in range(5):
            attacked.on(NEIGHBOURING, "true", "-S", "none")
    finally:
        attacked.on("ct1", "pkill --full '[m]y @held'")


@pytest.mark.parametrize(("host", "machine"), [("ct1", NEIGHBOURING), ("hv1", NEIGHBOUR)])
def test_who_fails_to_log_in_shuts_nobody_out(attacked: Attacked, host: str, machine: str) -> None:
    """Not even behind the same address."""
    options = "-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
    if machine == NEIGHBOUR:
        where = f"nobody@{attacked.nic(machine).address}"
    else:
        where = f"-p {attacked.ssh_port(machine)} nobody@127.0.0.1"
    attacked.on(host, f"for _ in $(seq 8); do ! ssh {options} {where} true || exit 1; done")
    attacked.on(machine, "true", "-S", "none")


def test_the_jump_account_leads_to_ones_own_machines_and_does_nothing_else(attacked: Attacked) -> None:
    own, theirs = (attacked.nic(name).address for name in (GUEST, NEIGHBOUR))
    jump = attacked.jump(GUEST)
    assert "SSH-2.0-" in attacked.as_alice(jump, options=["-W", f"{own}:22"]).stdout
    for target in (f"{theirs}:22", "127.0.0.1:22", "localhost:22", "10.0.2.2:22", f"{own}:80"):
        assert "SSH-2.0-" not in attacked.as_alice(jump, options=["-W", target]).stdout, target
    forwarding = ("-N", "-o", "ExitOnForwardFailure=yes")
    for options in ((*forwarding, "-R", "0:127.0.0.1:22"), (*forwarding, "-w", "any:any"), ("-tt",), ("-A",)):
        done = attacked.as_alice(jump, *([] if "-N" in options else ["id"]), options=options)
        assert done.returncode != 0, options
        assert "uid=" not in done.stdout, options


# Until its input ends. sshd then begins anew: to the old one, its host is who has sent it what is no SSH.
STOP_SSHD = """\
sudo sh -c 'pid=$(pgrep --oldest --exact sshd); kill -STOP $pid; echo stopped; read end
kill -CONT $pid; systemctl restart ssh'"""


def test_channels_that_nobody_reads_take_a_bounded_part_of_the_host(attacked: Attacked) -> None:
    """160, over four connections, to an sshd that takes nothing; a neighbour still logs in."""
    target, jump = f"{attacked.nic(GUEST).address}:22", attacked.jump(GUEST)
    taken = "cat /sys/fs/cgroup/user.slice/user-$(id --user minet-jump).slice/memory.current"
    count = f"ss --no-header --tcp --numeric state established dst {target} | wc -l"
    stop = subprocess.Popen(
        attacked.ssh(GUEST, STOP_SSHD, "-S", "none"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with ExitStack() as held, stop:
        assert stop.stdout
        assert stop.stdout.readline() == "stopped\n"
        folder = held.enter_context(TemporaryDirectory())
        for path in (f"{folder}/{number}" for number in range(4)):
            forward = ["-N", "-L", f"{path}:{target}"]
            client = held.enter_context(subprocess.Popen(attacked.as_student("alice", *forward, jump)))
            held.callback(client.terminate)
            for _ in range(40):
                fill(held.enter_context(connected(path)))
        assert int(attacked.on("hv1", count)) <= MAX_LOGINS
        bob = subprocess.run(attacked.as_student("bob", NEIGHBOUR, "true"), check=False)
        assert bob.returncode == 0
        assert 2**20 < int(attacked.on("hv1", taken)) < (MEMORY + 2 * MEMORY_OF_ONE) * 2**20
    attacked.still_works()


def connected(path: str) -> socket.socket:
    """A connection to a socket of this machine, once somebody listens there."""
    deadline = time.monotonic() + 60 * slowness()
    connection = socket.socket(socket.AF_UNIX)
    while connection.connect_ex(path):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return connection


def fill(connection: socket.socket) -> None:
    """Send what is taken at once; a channel that is refused takes nothing."""
    connection.setblocking(False)
    with suppress(OSError):
        while True:
            connection.send(bytes(2**16))


@pytest.mark.parametrize(
    ("program", "seconds", "most"),
    [
        pytest.param(programs.FORK, (), 1000, id="processes"),
        pytest.param(programs.OPEN, (), 2000, id="files"),
        pytest.param(programs.INOTIFY, (30,), 1000, id="inotify"),
        pytest.param(programs.SIGNALS, (30,), 200_000, id="signals"),
        pytest.param(programs.TERMINALS, (30,), 100, id="terminals"),
    ],
)
def test_what_a_container_uses_up_its_neighbour_still_has(
    attacked: Attacked, program: str, seconds: tuple[int, ...], most: int
) -> None:
    at_once = perl(program, *(0 for _ in seconds))
    alone = int(attacked.on(NEIGHBOURING, at_once))
    attack = attacked.ssh(CONTAINER, perl(program, *seconds), "-S", "none")
    with subprocess.Popen(attack, stdout=subprocess.PIPE, text=True) as attacker:
        assert attacker.stdout
        taken = int(attacker.stdout.readline())
        beside = int(attacked.on(NEIGHBOURING, at_once))
    assert 0 < taken < most
    assert beside >= alone * 0.9, f"the neighbour gets {beside} instead of {alone}"
    attacked.on("ct1", "true", "-S", "none")


def test_memory_that_a_container_eats_is_its_own(attacked: Attacked) -> None:
    eater = subprocess.run(attacked.ssh(CONTAINER, perl(programs.EAT), "-S", "none"), check=False)
    assert eater.returncode != 0
    attacked.still_works()


def test_a_container_fills_its_home_folder_and_nothing_of_its_host(attacked: Attacked) -> None:
    free = "df --output=avail --block-size=1M /var/lib | tail -n 1"
    before = int(attacked.on("ct1", free))
    find = "find / -path /proc -prune -o -path /home -prune -o -type d -writable -print 2>/dev/null || true"
    writable = set(attacked.on(CONTAINER, find).split())
    assert writable <= {"/tmp", "/var/lib/minet-lab", "/dev/shm", "/dev/mqueue"}  # noqa: S108
    fill = "for folder in ~ /tmp /dev/shm; do head -c 700M /dev/zero >$folder/full 2>/dev/null || true; done"
    attacked.on(CONTAINER, f"{fill}; rm -f /tmp/full /dev/shm/full")
    size = int(attacked.on(CONTAINER, "stat --format=%s ~/full")) / 2**20
    assert 300 < size < 512
    assert before - int(attacked.on("ct1", free)) < 512 + 32
    assert attacked.on(NEIGHBOURING, "echo work >~/work && cat ~/work && rm ~/work") == "work\n"
    attacked.on(CONTAINER, "rm ~/full")
    attacked.still_works()


def test_disk_operations_of_a_container_have_a_ceiling(attacked: Attacked) -> None:
    written = 6 * IOPS
    write = f"dd if=/dev/zero of=$HOME/written bs=4k count={written} oflag=direct 2>/dev/null && rm ~/written"
    before = attacked.disk_operations()
    start = time.monotonic()
    attacked.on(CONTAINER, write)
    seconds = time.monotonic() - start
    assert attacked.disk_operations() - before >= written
    assert seconds > 5  # what a second allows may come at once
    attacked.still_works()


@pytest.mark.parametrize(
    "attack", [perl(programs.HOG, 60), perl(programs.NAMES, 60), f"timeout 60 {programs.PRINT}"]
)
def test_processors_that_a_container_keeps_busy_still_serve_others(attacked: Attacked, attack: str) -> None:
    with subprocess.Popen(attacked.ssh(CONTAINER, attack, "-S", "none")) as attacker:
        attacked.on(NEIGHBOURING, "true", "-S", "none")
        attacked.on("ct1", "true", "-S", "none")
        attacker.terminate()


def test_a_container_has_its_host_look_for_no_modules(attacked: Attacked) -> None:
    """It runs files of no known format; for each, the kernel would start modprobe, outside of its limits."""
    started = "sed -n 's/^processes //p' /proc/stat"
    attack = attacked.ssh(CONTAINER, perl(programs.UNKNOWN, 600), "-S", "none")
    with subprocess.Popen(attack, stdout=subprocess.PIPE, text=True) as attacker:
        assert attacker.stdout
        try:
            assert attacker.stdout.readline() == "running\n"
            before, after = map(int, attacked.on("ct1", f"{started}; sleep 10; {started}").split())
            attacked.on(NEIGHBOURING, "true", "-S", "none")
        finally:
            attacker.terminate()
            attacked.on("ct1", f"docker exec {CONTAINER} pkill -KILL perl")
    assert after - before < 200
    attacked.still_works()


@pytest.mark.parametrize(
    "refused",
    [
        "mknod ~/disk b 254 0",
        "mount -t tmpfs none ~",
        "perl -MSocket -e 'socket(my $ping, PF_INET, SOCK_DGRAM, 1) or exit 1'",
        "unshare --user true",
        "echo 1 >/proc/sys/kernel/sysrq",
        "echo b >/proc/sysrq-trigger",
        "echo 1280 >/sys/class/net/eth0/mtu",
        "head -c 1 /proc/kcore | grep -q .",
        "grep -q . /proc/keys",
        "dmesg | grep -q .",
        "ls /dev | grep -E '^(sd|vd|nvme|mem|kvm|loop|fuse)'",
        "ls /var/lib/docker",
    ],
)
def test_a_container_gets_no_further_into_the_kernel(attacked: Attacked, refused: str) -> None:
    assert attacked.on(CONTAINER, f"({refused}) >/dev/null 2>&1 && echo worked || true") == ""


def test_system_calls_for_administrators_are_refused_in_a_container(attacked: Attacked) -> None:
    assert attacked.on(CONTAINER, perl(programs.CALLS)).split() == []
    assert system_calls.beyond_docker(partial(attacked.on, "ct1"), CONTAINER) == set()


@pytest.mark.parametrize("host", ["hv1", "ct1"])
def test_another_account_of_a_host_reads_nothing_of_the_lab(attacked: Attacked, host: str) -> None:
    folders = "/var/lib/minet-lab /var/lib/libvirt /var/lib/docker /etc/minet-lab /etc/ssh/minet-lab /var/log"
    find = f"runuser -u nobody -- find {folders} -type f -readable 2>/dev/null | grep minet || true"
    # Rules, public keys that sshd reads with the account's rights, addresses that DNS tells everybody, and
    # the system calls that containers may make.
    public = (
        "/etc/minet-lab/",
        "/etc/ssh/minet-lab/",
        "/var/lib/libvirt/dnsmasq/",
        "/var/lib/minet-lab/minet/seccomp-",
    )
    assert [path for path in attacked.on(host, find).split() if not path.startswith(public)] == []
    virsh = "virsh --connect qemu:///system"
    ask = f"({virsh} list; {virsh} --readonly list; docker ps) 2>&1 || true"
    assert "minet-" not in attacked.on(host, f"runuser -u nobody -- sh -c {shlex.quote(ask)}")
