"""As whom QEMU runs a machine."""

import os
from pathlib import Path

import pytest

from minetlab.resources.docker import container_user
from minetlab.sandbox.unprivileged import FIRST_USER, USERS, user_arguments

ALL = "         0          0 4294967295\n"


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.fixture
def everybody(tmp_path: Path) -> Path:
    """A user namespace that has all users, as that of the system has."""
    (tmp_path / "all").write_text(ALL)
    return tmp_path / "all"


def test_a_user_runs_it_as_themself(monkeypatch: pytest.MonkeyPatch, everybody: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert user_arguments(Path("/hv1"), everybody) == ()


def test_root_has_another_user_for_each_machine(root: None, everybody: Path) -> None:
    users = set()
    for name in ("hv1", "hv2", "ct1"):
        option, value = user_arguments(Path("/state/sandbox") / name, everybody)
        user, group = value.removeprefix("user=").split(":")
        assert (option, user) == ("-run-with", group)
        users.add(int(user))
    assert len(users) == 3
    assert users <= set(range(FIRST_USER, FIRST_USER + USERS))
    assert not {container_user(port) for port in (1, 65535)} & set(range(FIRST_USER, FIRST_USER + USERS))


def test_a_root_that_has_few_users_of_its_own_stays_who_it_is(root: None, tmp_path: Path) -> None:
    (tmp_path / "few").write_text("0 1000 1\n1 100000 65536\n")
    assert user_arguments(Path("/hv1"), tmp_path / "few") == ()
