"""Installing what is missing, on a host that answers from a script."""

import pytest

from minetlab.operations import packages
from tests.support.container_host import PACKAGES
from tests.support.fake_host import Run, run_operation

WANTED = {12: ("acl", "docker.io"), 13: ("acl", "docker-cli", "docker.io")}


def install(*lines: str) -> Run:
    return run_operation(packages.install, {PACKAGES: lines}, packages=WANTED)


def test_a_host_that_has_all_of_them_and_more_is_left_alone() -> None:
    run = install("debian 12", "installed acl", "installed bash", "installed docker.io")
    assert (len(run.commands), run.idle) == (1, True)


def test_only_what_is_missing_is_installed_from_fresh_lists() -> None:
    _, update, added = install(
        "debian 13", "installed docker.io", "installed bash", "half-installed acl"
    ).commands
    assert update.endswith(" update")
    assert added.endswith(" install --no-install-recommends acl docker-cli")


@pytest.mark.parametrize("release", ["debian 11", "ubuntu 24.04", "debian "])
def test_another_system_is_refused_and_those_that_will_do_are_named(
    release: str, caplog: pytest.LogCaptureFixture
) -> None:
    run = install(release, "installed acl")
    assert (run.failed, len(run.commands)) == (True, 1)
    assert "@fake/ct1 is not Debian 12 or 13" in caplog.text
