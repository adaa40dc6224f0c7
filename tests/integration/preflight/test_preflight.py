"""Looking at hosts and at this machine: ssh is a script that runs the fact's command here, or fails."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from minetlab import preflight
from minetlab.cli import check
from minetlab.images.fetched import probe
from minetlab.inventory.hosts import InventoryHost
from minetlab.inventory.load import LoadedLab, load_lab
from minetlab.lab import CertificateFiles, UrlImage
from minetlab.machines import status
from minetlab.plan import allocate
from minetlab.preflight import this_machine
from minetlab.preflight.findings import Finding, Severity
from minetlab.preflight.hosts import look
from minetlab.secrets.certificates import site_certificate
from minetlab.ssh import ssh_config
from minetlab.util.errors import LabError
from minetlab.util.limits import MIB
from tests.support.certificates import self_signed
from tests.support.fake_program import SSH_SETTINGS

SSH = f"""\
{SSH_SETTINGS}\
# $6: the host, $7: the command line
case $6 in
gone) echo "ssh: connect to host gone: No route to host" >&2; exit 255 ;;
shy) echo "sudo: a password is required" >&2; exit 1 ;;
mute) exit 0 ;;
hung) exec sleep 60 ;;
*) eval "$7" ;;
esac
"""
DATA = {"lab_name": "minet", "site_port": None, "tp_images": ["processus"], "guest": {"memory": 256}}


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache and a state of their own, and the ssh of above."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "ssh").write_text(SSH)
    (tmp_path / "bin" / "ssh").chmod(0o755)
    (tmp_path / "students.csv").write_text("name,login\nAlice,alice\nBob,bob\n")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("MINETLAB_CACHE", str(tmp_path / "cache"))
    return tmp_path


def hosts(folder: Path, *names: str, group: str = "kvm_hosts", **data: Any) -> tuple[InventoryHost, ...]:
    given = {**DATA, "roster": str(folder / "students.csv"), **data}
    return tuple(InventoryHost(name, (group,), given) for name in names)


def looked(inventory: tuple[InventoryHost, ...]) -> preflight.Preflight:
    lab = load_lab(inventory)
    plan = allocate(lab)
    return preflight.preflight(lab, plan, inventory, ssh_config.write_config(LoadedLab(inventory, lab, plan)))


def of(found: preflight.Preflight, host: str, name: str) -> Finding:
    (one,) = [each for each in found.findings if (each.host, each.check) == (host, name)]
    return one


def test_a_host_is_asked_by_one_command_which_reads_as_it_should(machine: Path) -> None:
    inventory = hosts(machine, "hv1")
    lab = load_lab(inventory)
    seen = look(lab, allocate(lab), inventory[0], machine / "config").subject
    assert seen is not None
    system = seen.observed.system
    assert system.processors == len(os.sched_getaffinity(0))
    assert 0 < system.memory < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MIB
    assert abs(system.time - time.time()) < 60
    assert min(system.disk, system.docker_disk) > 0
    assert of(looked(inventory), "hv1", "clock").severity == Severity.OK


def test_hosts_that_do_not_answer_do_not_hide_the_others(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "HOST_ANSWER_LIMIT", 5.0)
    found = looked(hosts(machine, "gone", "shy", "mute", "hung", "hv1"))
    assert of(found, "gone", "reachable").severity == Severity.UNREACHABLE
    assert "No route to host" in of(found, "gone", "reachable").message
    assert "does not answer: not done within 5 s" in of(found, "hung", "reachable").message
    assert of(found, "shy", "sudo").severity == Severity.PROBLEM
    assert "a password is required" in of(found, "shy", "sudo").message
    assert of(found, "mute", "sudo").severity == Severity.PROBLEM
    assert of(found, "hv1", "reachable").severity == Severity.OK


def test_a_sandbox_host_that_is_not_booted_is_judged_by_its_settings(machine: Path) -> None:
    found = looked(hosts(machine, "@sandbox/hv1"))
    assert "lab up boots it" in of(found, "hv1", "reachable").message
    assert of(found, "hv1", "memory").severity == Severity.OK
    small = looked(hosts(machine, "@sandbox/hv1", sandbox_memory=1300, guest={"memory": 512}))
    assert "1 guest too many" in of(small, "hv1", "memory").message
    assert small.verdict == "does not fit: 1 guest too many on hv1"
    wrong = looked(hosts(machine, "@sandbox/hv1", sandbox_debian=9))
    assert "sandbox_debian is 9" in of(wrong, "hv1", "sandbox").message


def test_sandbox_hosts_that_have_no_room_beside_each_other_are_a_warning(machine: Path) -> None:
    huge = looked(hosts(machine, "@sandbox/hv1", sandbox_memory=1024 * 1024))
    assert of(huge, this_machine.HERE, "memory").severity == Severity.WARNING
    assert of(
        looked(hosts(machine, "@sandbox/hv1", sandbox_memory=2048)), this_machine.HERE, "memory"
    ).message


def test_an_image_that_cannot_be_fetched_is_a_problem_and_its_cpu_level_a_warning(machine: Path) -> None:
    image = machine / "cloud.qcow2"
    given = {"url": f"file://{image}", "sha256": 64 * "0"}
    gone = looked(hosts(machine, "hv1", guest_image=given))
    assert of(gone, this_machine.HERE, "images").severity == Severity.PROBLEM
    assert "cannot be fetched" in of(gone, this_machine.HERE, "images").message
    image.touch()
    there = looked(hosts(machine, "hv1", guest_image=given))
    assert of(there, this_machine.HERE, "images").severity == Severity.OK
    assert of(there, this_machine.HERE, "guest CPU").severity == Severity.WARNING


def test_images_that_are_cached_need_no_builder(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inventory = hosts(machine, "ct1", group="container_hosts")
    monkeypatch.setattr(this_machine, "BUILD_GIB", 10**9)
    lacking = looked(inventory)
    assert of(lacking, this_machine.HERE, "images").severity == Severity.PROBLEM
    assert "the TP image processus" in of(lacking, this_machine.HERE, "images").message
    assert [recipe.name for recipe in lacking.to_build] == ["tp-processus"]
    (needed,) = this_machine._missing_images(load_lab(inventory), [])
    needed.file.write_bytes(b"x")
    assert not needed.cached
    needed.file.with_name(f"{needed.file.name}.sha256").write_text("")
    assert of(looked(inventory), this_machine.HERE, "images").severity == Severity.OK
    assert looked(inventory).to_build == ()
    assert of(looked(inventory), "ct1", "Docker's disk").severity == Severity.OK
    monkeypatch.setattr(this_machine, "ROOM_FACTOR", 10**15)
    assert of(looked(inventory), "ct1", "Docker's disk").severity == Severity.PROBLEM


def test_without_mmdebstrap_nothing_can_be_built(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(this_machine, "BUILD_GIB", 0)
    (machine / "bin" / "ssh-keygen").symlink_to("/usr/bin/ssh-keygen")
    monkeypatch.setenv("PATH", str(machine / "bin"))
    found = of(looked(hosts(machine, "@sandbox/ct1", group="container_hosts")), this_machine.HERE, "images")
    assert (found.severity, found.next_step) == (Severity.PROBLEM, "apt-get install mmdebstrap")


def test_a_wrong_folder_of_practical_work_is_a_problem(machine: Path) -> None:
    found = looked(hosts(machine, "ct1", group="container_hosts", tp_images=["nothing"]))
    assert of(found, this_machine.HERE, "images").severity == Severity.PROBLEM


def serving(machine: Path, name: str, files: CertificateFiles | None) -> tuple[InventoryHost, ...]:
    """A host that serves the site, with a certificate of group data if there is one."""
    data = {"site_port": 8080, "site_certificate": files.model_dump() if files else None}
    return hosts(machine, name, group="container_hosts", **data)


def test_certificates_that_group_data_name_are_looked_at(machine: Path) -> None:
    good, ending, other = (
        self_signed(machine / name, f"{name}.example.org", days=days)
        for name, days in (("ct1", 60), ("ct2", 20), ("ct3", 60))
    )
    inventory = (
        *serving(machine, "ct1.example.org", good),
        *serving(machine, "ct2.example.org", ending),
        *serving(machine, "ct4.example.org", other),
        *serving(machine, "ct5.example.org", None),
    )
    found = [each for each in looked(inventory).findings if each.check == "site certificate"]
    assert [each.severity for each in found] == [Severity.OK, Severity.WARNING, Severity.PROBLEM]
    assert [each.message.split()[2] for each in found[:2]] == ["ct1.example.org", "ct2.example.org"]
    assert "ct4.example.org, but for ct3.example.org" in found[2].message
    assert not (machine / "state" / "labs" / "minet" / "certificates").exists()


def test_who_gets_a_host_more_is_told_that_cards_change(machine: Path) -> None:
    first = serving(machine, "ct1.example.org", None)
    lab = load_lab(first)
    before = site_certificate(lab, lab.site_hosts[0])
    assert not [each for each in looked(first).findings if each.check == "site certificate"]
    second = serving(machine, "ct2.example.org", None)
    found = of(looked((*first, *second)), this_machine.HERE, "site certificate")
    assert (found.severity, "lab cards" in found.next_step) == (Severity.WARNING, True)
    assert site_certificate(lab, lab.site_hosts[0]) == before, "nothing is changed by a look"


def test_an_address_is_probed_and_not_fetched(machine: Path) -> None:
    file = machine / "image.qcow2"
    file.touch()
    image = UrlImage(url=f"file://{file}", sha256=64 * "0")
    probe(image)
    file.unlink()
    with pytest.raises(LabError, match="cannot be fetched"):
        probe(image)


def read(inventory: tuple[InventoryHost, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the command find this inventory, as pyinfra would read it."""
    monkeypatch.setattr(check, "load", lambda _: LoadedLab.of(inventory))


def test_up_stops_with_the_problems_of_all_hosts_at_once(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(hosts(machine, "shy", "mute", "gone"), monkeypatch)
    with pytest.raises(LabError) as error:
        check.require(Path("lab.py"))
    assert "nothing was touched" in error.value.problem
    assert "shy: sudo" in error.value.problem
    assert "mute: sudo" in error.value.problem
    assert "gone" not in error.value.problem


def test_up_goes_on_where_only_a_host_is_silent_and_check_does_not(
    machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read(hosts(machine, "@sandbox/hv1", "gone", sandbox_memory=2048), monkeypatch)
    monkeypatch.setattr(this_machine, "BUILD_GIB", 0)
    monkeypatch.setattr(this_machine, "mode", lambda: "root")
    check.require(Path("lab.py"))
    assert "gone: reachable: does not answer" in capsys.readouterr().err
    assert not check.show(Path("lab.py"))
    assert "fits, as far as hosts answer: gone did not" in capsys.readouterr().out
    read(hosts(machine, "@sandbox/hv1", sandbox_memory=2048), monkeypatch)
    assert check.show(Path("lab.py"))


def test_nothing_of_the_sandbox_is_made(machine: Path) -> None:
    looked(hosts(machine, "@sandbox/hv1"))
    assert not list((machine / "state" / "sandbox").glob("*"))
