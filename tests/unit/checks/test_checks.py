"""Each check of ``tests/hosts`` passes on a good machine and fails on one that is wrong in one thing."""

import inspect
import json
from types import ModuleType

import pytest

import tests.hosts.test_container_hosts as container_hosts
import tests.hosts.test_containers as containers
import tests.hosts.test_domains as domains
import tests.hosts.test_guests as guests
import tests.hosts.test_jump as jump
import tests.hosts.test_kvm_hosts as kvm_hosts
import tests.hosts.test_site as site
from minetlab.checks.modules import Cpu, Kernel, Libvirt
from tests.support.recorded import ALICE, HV1, RecordedLab
from tests.support.wrong_containers import Check, container_sheet
from tests.support.wrong_machines import CHAIN, WRONG, conteneur_sheet, vm_sheet

CASES = [(*where, *answers) for where, each in WRONG.items() for answers in each]


def checks_of(*modules: ModuleType) -> list[Check]:
    return [
        function
        for module in modules
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if name.startswith("test_") and "tp" not in inspect.signature(function).parameters
    ]


CHECKS = [
    *checks_of(kvm_hosts, domains, guests, container_hosts, containers, site, jump),
    *(container_sheet, vm_sheet, conteneur_sheet),
]


def run(check: Check, lab: RecordedLab) -> None:
    (fixture,) = inspect.signature(check).parameters
    check(lab.machine(fixture))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_good_machine_passes(check: Check) -> None:
    run(check, RecordedLab())


@pytest.mark.parametrize(
    ("check", "machine", "command", "old", "new"),
    CASES,
    ids=[f"{check.__name__}-{new}" for check, *_, new in CASES],
)
def test_a_wrong_machine_fails(check: Check, machine: str, command: str, old: str, new: str | None) -> None:
    lab = RecordedLab()
    if new == "the host's":
        old, new = lab.answers[ALICE][command], lab.answers[HV1][command]
    lab.spoil(machine, command, old, new)
    with pytest.raises(AssertionError) as failure:
        run(check, lab)
    (fixture,) = inspect.signature(check).parameters
    assert lab.machine(fixture).name in str(failure.value) or machine in str(failure.value)


def test_a_disk_that_is_no_clone_fails() -> None:
    lab = RecordedLab()
    (own, *_) = json.loads(lab.answers[HV1][CHAIN])
    lab.answers[HV1][CHAIN] = json.dumps([own])
    with pytest.raises(AssertionError, match="the disk and its base image"):
        run(domains.test_disk_is_a_whole_linked_clone, lab)


def test_every_check_can_fail() -> None:
    assert {check for check, *_ in CASES} == set(CHECKS)


def test_guests_with_other_cores_than_the_slides_are_checked_and_show_no_slide() -> None:
    lab = RecordedLab(cores=2)
    with pytest.raises(AssertionError, match=r"CPU\(s\): expected 2, observed 4"):
        run(guests.test_lscpu_is_the_slides, lab)
    lab.spoil(ALICE, Cpu.LSCPU, 'CPU(s):", "data": "4"', 'CPU(s):", "data": "2"')
    lab.spoil(ALICE, Cpu.LSCPU, 'per socket:", "data": "4"', 'per socket:", "data": "2"')
    with pytest.raises(pytest.skip.Exception, match=r"2 processors, as guest\.cores says; the slide shows 4"):
        run(guests.test_lscpu_is_the_slides, lab)


def test_every_field_of_lscpu_can_fail() -> None:
    expected = guests.lscpu_of_the_slides(RecordedLab().guest)
    seen = set()
    for check, _, command, old, new in CASES:
        if check is guests.test_lscpu_is_the_slides and new is not None:
            lab = RecordedLab()
            lab.spoil(ALICE, command, old, new)
            found = Cpu.on(lab.guest.host).fields()
            seen |= {field for field in expected if found.get(field) != expected[field]}
    assert seen == expected.keys()


@pytest.mark.parametrize(
    "check",
    [
        kvm_hosts.test_virtualization_is_the_vendors,
        kvm_hosts.test_nested_is_on,
        kvm_hosts.test_nested_survives_a_reboot,
        kvm_hosts.test_kvm_device_is_open_to_qemu,
        domains.test_domain_is_accelerated,
        guests.test_hypervisor_is_kvm,
        guests.test_guest_can_virtualize,
        vm_sheet,
        domains.test_process_uses_kvm,
        domains.test_processor_leaves_the_guest,
        domains.test_module_serves_the_guest,
    ],
    ids=lambda check: check.__name__,
)
def test_without_hardware_virtualization_it_is_said_and_require_kvm_refuses_it(check: Check) -> None:
    for require_kvm, outcome in ((False, pytest.skip.Exception), (True, AssertionError)):
        lab = RecordedLab(require_kvm=require_kvm)
        lab.spoil(HV1, Cpu.LSCPU, " svm ", " ")
        lab.spoil(HV1, Libvirt.DOMAINS, "<domain type='kvm'", "<domain type='qemu'")
        with pytest.raises(outcome, match=r"no hardware virtualization|expected kvm, observed qemu"):
            run(check, lab)


def test_without_apparmor_it_is_said() -> None:
    for old, new in (("Y\n", "N\n"), ("Y\n", ""), ("\napparmor", "")):
        lab = RecordedLab()
        lab.spoil(HV1, Kernel.APPARMOR, old, new)
        with pytest.raises(pytest.skip.Exception, match=r"^minet-alice: .* kernel of hv1 has no AppArmor$"):
            run(domains.test_process_is_confined, lab)


OF_ITS_PROCESS = [
    domains.test_host_sees_one_qemu_process,
    domains.test_process_is_confined,
    domains.test_process_uses_kvm,
    domains.test_processor_leaves_the_guest,
    domains.test_module_serves_the_guest,
]
REASON = r"^minet-alice: defined, not started \(guests_run is False on hv1\)$"


@pytest.mark.parametrize("require_kvm", [False, True])
@pytest.mark.parametrize("check", checks_of(domains), ids=lambda check: check.__name__)
def test_of_a_guest_that_is_off_on_purpose_the_host_is_asked_all_but_what_it_runs(
    check: Check, require_kvm: bool
) -> None:
    lab = RecordedLab(guests_run=False, require_kvm=require_kvm)
    lab.switch_off()
    if check in OF_ITS_PROCESS:
        with pytest.raises(pytest.skip.Exception, match=REASON):
            run(check, lab)
    else:
        run(check, lab)


@pytest.mark.parametrize("check", [domains.test_domain_is_started_as_planned, *OF_ITS_PROCESS])
def test_a_guest_that_is_to_run_and_is_off_fails(check: Check) -> None:
    lab = RecordedLab()
    lab.switch_off()
    with pytest.raises(AssertionError, match=ALICE):
        run(check, lab)


@pytest.mark.parametrize("check", checks_of(domains), ids=lambda check: check.__name__)
def test_a_guest_that_was_started_by_hand_is_asked_as_any_other(check: Check) -> None:
    lab = RecordedLab(guests_run=False)
    lab.answers[HV1][Libvirt.AUTOSTARTED] = ""
    run(check, lab)


def test_a_guest_that_is_not_to_run_and_comes_up_with_its_host_fails() -> None:
    lab = RecordedLab(guests_run=False)
    with pytest.raises(AssertionError, match="autostarted by hv1: expected no, observed yes"):
        run(domains.test_domain_is_started_as_planned, lab)


def test_an_emulated_guest_is_wrong_where_the_host_can_virtualize_and_the_reverse() -> None:
    lab = RecordedLab()
    lab.spoil(HV1, Cpu.LSCPU, " svm ", " ")
    with pytest.raises(AssertionError, match="expected qemu, observed kvm"):
        run(domains.test_domain_is_accelerated, lab)
