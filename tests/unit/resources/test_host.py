"""What a host says of itself, as numbers and networks."""

from ipaddress import IPv4Network

import pytest

from minetlab.resources.host import Route, System, parse_system

SAID = [
    "user 0",
    "release debian 13",
    "memory 900",
    "processors 4",
    "disk 5000",
    "docker-disk 6000",
    "cgroup cgroup2fs cpu io memory pids",
    "file-system ext4 254:1",
    "loop 0",
    "time 1700000000.25",
]
FULL = [
    *SAID,
    'routes [{"dst":"default","gateway":"192.0.2.1","dev":"eth0"},{"dst":"192.0.2.0/24","dev":"eth0"},'
    '{"dst":"10.0.0.0/8","gateway":"192.0.2.2","dev":"eth0"},{"type":"blackhole","dst":"10.9.9.9"}]',
    "bridge br0",
    "bridge vbr-minet",
    "listens 0.0.0.0:22",
    "listens [::]:8080",
    "listens *:22",
]


def test_all_that_a_host_says_is_read() -> None:
    assert parse_system(FULL) == System(
        root=True,
        time=1700000000.25,
        debian=13,
        memory=900,
        processors=4,
        disk=5000,
        docker_disk=6000,
        controllers=frozenset({"cpu", "io", "memory", "pids"}),
        file_system="ext4",
        on_disk=True,
        loop_devices=True,
        routes=(
            Route(IPv4Network("192.0.2.0/24"), "eth0", far=False),
            Route(IPv4Network("10.0.0.0/8"), "eth0", far=True),
            Route(IPv4Network("10.9.9.9/32"), "", far=False),
        ),
        bridges=frozenset({"br0", "vbr-minet"}),
        ports=frozenset({22, 8080}),
    )


@pytest.mark.parametrize("routes", [[], ["routes "], ["routes []"]])
def test_a_host_without_routes_bridges_and_servers_has_none(routes: list[str]) -> None:
    system = parse_system([*SAID, *routes])
    assert (system.routes, system.bridges, system.ports) == ((), frozenset(), frozenset())


@pytest.mark.parametrize("user", ["1", "1000"])
def test_only_user_0_is_root(user: str) -> None:
    assert not parse_system([f"user {user}", *SAID[1:]]).root


@pytest.mark.parametrize(
    ("release", "debian"),
    [
        ("debian 12", 12),
        ("debian", None),
        ("debian sid", None),
        ("ubuntu 24", None),
        ("arch 20", None),
        ("", None),
    ],
)
def test_only_a_numbered_release_of_debian_is_one(release: str, debian: int | None) -> None:
    assert parse_system([SAID[0], f"release {release}", *SAID[2:]]).debian == debian


@pytest.mark.parametrize("missing", SAID)
def test_an_answer_that_lacks_a_line_is_incomplete(missing: str) -> None:
    with pytest.raises(ValueError, match="the host's answer is incomplete"):
        parse_system([line for line in SAID if line != missing])


def test_routes_of_an_unexpected_form_are_an_incomplete_answer() -> None:
    for routes in ("[{}]", "[5]"):
        with pytest.raises(ValueError, match="the host's answer is incomplete"):
            parse_system([*SAID, f"routes {routes}"])


def test_a_host_of_which_nothing_is_known_is_not_ready_for_a_lab() -> None:
    unknown = System()
    assert (unknown.debian, unknown.memory, unknown.disk, unknown.docker_disk) == (None, 0, 0, 0)
    assert (unknown.root, unknown.time, unknown.processors) == (True, 0.0, 1)
    assert not Route(IPv4Network("10.0.0.0/8")).far
