"""Switching nested virtualization on, on a host that answers from a script."""

from typing import Any

import pytest

from minetlab.facts.kvm import KvmModule
from minetlab.operations import guests as guest_operations, kvm
from minetlab.resources.kvm import KvmObserved
from tests.support.fake_host import Run, run_operation
from tests.support.guests import LAB, SETTINGS, guests
from tests.support.kvm_host import EMPTY, STATE as LIBVIRT

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
    assert (len(run.commands), run.idle) == (1, True)


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


@pytest.mark.parametrize("users", [1, 3])
def test_a_module_in_use_is_not_touched_and_it_is_said(users: int, caplog: pytest.LogCaptureFixture) -> None:
    run = nested([*AMD, "loaded kvm_amd", f"users {users}", "nested N", *FILES])
    assert (len(run.commands), run.idle) == (1, True)
    assert "kvm_amd is in use with nested=0: running machines hold it" in caplog.text


@pytest.mark.parametrize("first", ["#", "zzz"])
def test_a_file_that_somebody_has_changed_is_written_again_and_the_module_stays(first: str) -> None:
    for key, path in (("options", "/etc/modprobe.d"), ("autoload", "/etc/modules-load.d")):
        files = [line.replace(f"{key} ", f"{key} {first}", 1) for line in FILES]
        (written,) = nested([*LOADED, "nested 1", *files]).commands[1:]
        assert f" {path}/minet-lab-minet.conf" in written


@pytest.mark.parametrize(("vendor", "named"), [("AuthenticAMD", "AuthenticAMD"), ("", "unknown")])
def test_a_host_without_virtualization_fails_only_where_it_is_required(
    vendor: str, named: str, caplog: pytest.LogCaptureFixture
) -> None:
    lines = [f"vendor {vendor}", "feature "]
    assert nested(lines).idle
    refused = nested(lines, require_kvm=True)
    assert (refused.failed, len(refused.commands)) == (True, 1)
    assert f"its CPU ({named}) offers neither svm nor vmx" in caplog.text


@pytest.mark.parametrize(
    ("loaded", "said"), [([], "(kvm_amd is not loaded)"), (["loaded kvm_amd"], "(kvm_amd is loaded)")]
)
def test_a_host_whose_virtualization_cannot_be_used_is_refused_where_it_is_required(
    loaded: list[str], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    arguments: dict[str, Any] = {"settings": SETTINGS, "guests": guests(1), "require_kvm": True}
    responses = {LIBVIRT: EMPTY, STATE: [*AMD, *loaded]}
    assert run_operation(guest_operations.run, responses, lab=LAB, **arguments).failed
    assert f"its CPU has svm, but QEMU's user cannot use /dev/kvm {said}" in caplog.text


def test_a_device_without_its_module_is_no_kvm() -> None:
    assert KvmModule().process([*LOADED, "nested Y", "emulated yes"]) == KvmObserved(
        vendor="AuthenticAMD", feature="svm", loaded=True, nested=True, device=True, emulated=True
    )
    assert not KvmModule().process([*AMD, "device yes"]).works
    assert not KvmModule().process([*AMD, "loaded kvm_amd"]).works
    assert not KvmModule().process([*AMD, "loaded kvm_intel", "device yes"]).works
