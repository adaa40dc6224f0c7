"""What an administrator means by a word."""

import pytest

from minetlab.lab import ContainerHost, ContainerHostSettings, KvmHost, KvmHostSettings, Lab, Student
from minetlab.machines.names import alias_meant, guest_meant
from minetlab.plan import Plan, allocate
from minetlab.util.errors import LabError

HOSTS = {"hv1", "ct1"}


def plan_of(*logins: str, guests: bool = True) -> Plan:
    kvm_hosts = (KvmHost(name="hv1", settings=KvmHostSettings()),) if guests else ()
    container_hosts = (ContainerHost(name="ct1", settings=ContainerHostSettings()),)
    students = tuple(Student(login=login, name=login) for login in logins)
    return allocate(
        Lab(name="minet", students=students, kvm_hosts=kvm_hosts, container_hosts=container_hosts)
    )


MANY = plan_of("alice", "bob", *(f"student-{number}" for number in range(30)))


@pytest.mark.parametrize(
    ("word", "alias"),
    [
        ("alice", "minet-alice"),
        ("minet-bob", "minet-bob"),
        ("minet-alice-processus", "minet-alice-processus"),
        ("hv1", "hv1"),
    ],
)
def test_a_name_or_a_login(word: str, alias: str) -> None:
    assert alias_meant(word, MANY, HOSTS) == alias


def test_who_has_no_guest_is_led_to_their_first_container() -> None:
    assert alias_meant("alice", plan_of("alice", guests=False), HOSTS) == "minet-alice-processus"


def test_a_hosts_name_goes_before_a_login() -> None:
    assert alias_meant("hv1", plan_of("hv1"), HOSTS) == "hv1"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("alise", "did you mean alice?"),
        ("minet-alise", "did you mean minet-alice"),
        ("zzz", "choose one of 98, such as alice, bob, ct1: `lab status` lists them"),
    ],
)
def test_an_unknown_word_is_answered_in_one_short_line(word: str, said: str) -> None:
    with pytest.raises(LabError, match=f"no machine or student '{word}'") as error:
        alias_meant(word, MANY, HOSTS)
    assert said in error.value.next_step
    assert len(error.value.next_step) < 100


def test_a_small_lab_is_listed() -> None:
    with pytest.raises(LabError) as error:
        alias_meant("eve", plan_of("alice", "bob"), HOSTS)
    assert error.value.next_step == "choose one of: alice, bob, ct1, hv1"


def test_only_guests_have_a_console() -> None:
    assert guest_meant("alice", MANY) is guest_meant("minet-alice", MANY)
    with pytest.raises(LabError, match="no guest of 'minet-alice-processus'"):
        guest_meant("minet-alice-processus", MANY)
