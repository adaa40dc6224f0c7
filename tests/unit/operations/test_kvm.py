"""Switching nested virtualization on, on a host that answers from a script."""

import pytest

from minetlab.facts.kvm import KvmModule
from minetlab.operations import kvm
from minetlab.resources.kvm import KvmObserved
from tests.support.fake_host import Run, run_operation

STATE = "/proc/cpuinfo"
AMD = ["vendor AuthenticAMD", "feature svm"]
LOADED = [*AMD, "loaded kvm_amd", "users 0", "device yes"]
FILES = [
    "options # Of minet-lab, lab minet: guests can run virtual machines of their own.",
    "options options kvm_amd nested=1",
    "autoload # Of minet-lab, lab minet: loaded at boot, before libvirt looks for it.",
    "autoload kvm_amd",
]


def nested(lines: list[str], *, require_kvm: bool = False) -> Run:
    return run_operation(kvm.nested, {STATE: lines}, lab="minet", require_kvm=require_kvm)


def test_a_host_that_is_set_costs_one_command() -> None:
    run = nested([*LOADED, "nested 1", *FILES])
    assert (len(run.commands), run.changed, run.failed) == (1, False, False)


@pytest.mark.parametrize(("feature", "module"), [("svm", "kvm_amd"), ("vmx", "kvm_intel")])
def test_an_unset_host_is_set_for_its_vendor_now_and_for_the_next_boot(feature: str, module: str) -> None:
    _, options, autoload, load = nested(["vendor X", f"feature {feature}"]).commands
    assert f"options {module} nested=1" in options
    assert "/etc/modprobe.d/minet-lab-minet.conf" in options
    assert "/etc/modules-load.d/minet-lab-minet.conf" in autoload
    assert load.startswith(f"modprobe {module} && timeout")


def test_an_idle_module_is_reloaded() -> None:
    run = nested([*LOADED, "nested 0", *FILES])
    assert len(run.sent("modprobe -r kvm_amd && modprobe kvm_amd")) == 1


def test_a_module_in_use_is_not_touched() -> None:
    run = nested([*AMD, "loaded kvm_amd", "users 3", "nested N", *FILES])
    assert (len(run.commands), run.changed, run.failed) == (1, False, False)


def test_a_host_without_virtualization_fails_only_where_it_is_required() -> None:
    assert not nested(["vendor AuthenticAMD", "feature "]).failed
    assert nested(["vendor AuthenticAMD", "feature "], require_kvm=True).failed


def test_a_device_without_its_module_is_no_kvm() -> None:
    assert KvmModule().process([*LOADED, "nested Y", "emulated yes"]) == KvmObserved(
        vendor="AuthenticAMD", feature="svm", loaded=True, nested=True, device=True, emulated=True
    )
    assert not KvmModule().process([*AMD, "device yes"]).works
    assert not KvmModule().process([*AMD, "loaded kvm_amd"]).works
    assert not KvmModule().process([*AMD, "loaded kvm_intel", "device yes"]).works
