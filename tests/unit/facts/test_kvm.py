"""What a host says of its virtualization and its processors, and what is made of it."""

import pytest

from minetlab.facts.kvm import IdleProcessors, KvmModule
from minetlab.resources.kvm import KvmObserved


def test_a_host_that_says_nothing_cannot_virtualize_and_is_never_idle() -> None:
    assert KvmModule().default() == KvmModule().process([]) == KvmObserved()
    assert IdleProcessors().default() == 0.0


def test_a_module_that_is_not_loaded_has_no_users() -> None:
    observed = KvmModule().process(["vendor GenuineIntel", "feature vmx"])
    assert observed == KvmObserved(vendor="GenuineIntel", feature="vmx")


def test_a_module_says_whether_it_nests_and_how_many_use_it() -> None:
    lines = ["vendor AuthenticAMD", "feature svm", "loaded kvm_amd", "nested 0", "users 12"]
    files = ["options # ours", "options options kvm_amd nested=1", "autoload kvm_amd"]
    assert KvmModule().process([*lines, *files]) == KvmObserved(
        vendor="AuthenticAMD",
        feature="svm",
        loaded=True,
        users=12,
        options="# ours\noptions kvm_amd nested=1\n",
        autoload="kvm_amd\n",
    )


@pytest.mark.parametrize(
    ("before", "after", "idle"),
    [
        # user, nice, system, idle, waiting for disks, interrupts (two), stolen; those of guests are in user
        ("cpu 100 20 30 400 50 6 7 8 90 10", "cpu 110 22 33 440 55 7 9 11 99 17", 4 * 45 / 66),
        ("cpu 5 0 0 100 0 0 0 0 0 0", "cpu 5 0 0 140 0 0 0 0 0 0", 4.0),
        ("cpu 5 0 0 100 0 0 0 0 0 0", "cpu 5 0 0 101 0 0 0 0 0 0", 4.0),
        ("cpu 5 0 0 100 0 0 0 0 0 0", "cpu 9 0 0 100 0 0 0 0 0 0", 0.0),
        ("cpu 5 0 0 100 0 0 0 0 0 0", "cpu 5 0 0 100 0 0 0 0 0 0", 0.0),
    ],
)
def test_processors_are_idle_for_the_share_of_time_in_which_they_wait(
    before: str, after: str, idle: float
) -> None:
    assert IdleProcessors().process(["4", before, after]) == pytest.approx(idle)
