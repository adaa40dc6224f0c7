"""Versions of software, found in what real hosts answered."""

import json

from minetlab.checks.modules import Docker, Kernel, Libvirt
from minetlab.checks.versions import COMMANDS, versions_of
from minetlab.ssh.backend import Read
from tests.support.recorded import ALICE, CT1, HV1, RecordedLab

OTHERS = ("cat /etc/motd", "echo", "tail /etc/motd", "virsh list", "zcat /etc/motd")


def read(answers: dict[str, dict[str, str]]) -> list[Read]:
    """What checks have read, as a report carries it from another process."""
    found = [
        (machine, command, answer)
        for machine, each in answers.items()
        for command, answer in each.items()
        if command in COMMANDS
    ]
    found += [(machine, command, "something else") for machine in answers for command in OTHERS]
    return [(machine, command, output) for machine, command, output in json.loads(json.dumps(found))]


def test_of_each_host_the_versions_are_found_and_nothing_of_guests_and_containers() -> None:
    answers = RecordedLab().answers
    system = json.loads(answers[CT1][Docker.INFO])
    assert versions_of(reversed(read(answers))) == {
        CT1: {
            "Docker": system["ServerVersion"],
            "kernel": answers[CT1][Kernel.RELEASE],
            "system": system["OperatingSystem"],
        },
        HV1: {"QEMU": "10.0.13", "kernel": answers[HV1][Kernel.RELEASE], "libvirt": "11.3.0"},
    }
    assert versions_of(read(answers)) == versions_of(reversed(read(answers)))
    assert list(versions_of(read(answers))[HV1]) == ["QEMU", "kernel", "libvirt"]


def test_a_host_of_two_versions_is_a_host() -> None:
    output = "Using library: libvirt 11.3.0\nRunning hypervisor: QEMU 10.0.8\n"
    both = {"libvirt": "11.3.0", "QEMU": "10.0.8"}
    assert versions_of([("hv2", Libvirt.VERSION, output)]) == {"hv2": both}


def test_a_line_end_is_no_part_of_a_version() -> None:
    lines = [("hv2", Kernel.RELEASE, "6.12\n"), ("hv2", Libvirt.VERSION, "Using library: libvirt 11.3.0\n")]
    assert versions_of(lines) == {"hv2": {"kernel": "6.12", "libvirt": "11.3.0"}}


def test_an_answer_that_says_no_version_is_left_to_its_check() -> None:
    for nonsense in ("", "no JSON", "{}"):
        assert versions_of([(CT1, Docker.INFO, nonsense), (ALICE, Kernel.RELEASE, "6.12")]) == {}
