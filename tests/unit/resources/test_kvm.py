"""Whether guests can use hardware virtualization, and by which module."""

import pytest

from minetlab.resources.kvm import KvmObserved


@pytest.mark.parametrize(
    ("feature", "module"), [("svm", "kvm_amd"), ("vmx", "kvm_intel"), (None, None), ("", None)]
)
def test_the_module_is_that_of_the_processors_feature(feature: str | None, module: str | None) -> None:
    assert KvmObserved(feature=feature).module == module


@pytest.mark.parametrize(("loaded", "device"), [(False, False), (False, True), (True, False), (True, True)])
def test_it_works_with_both_module_and_device(loaded: bool, device: bool) -> None:
    assert KvmObserved(loaded=loaded, device=device).works == (loaded and device)


def test_a_host_that_said_nothing_has_no_hardware_virtualization() -> None:
    nothing = KvmObserved()
    assert not any((nothing.loaded, nothing.nested, nothing.users, nothing.device, nothing.emulated))
