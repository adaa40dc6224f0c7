"""What several kinds of machines have to show, at its edges."""

import pytest

from minetlab.checks.assertions import (
    assert_isolated_memories,
    assert_no_passwords,
    assert_opened_by_key,
    assert_process_tree,
)
from tests.support.answering import AnsweringLab
from tests.support.recorded import RecordedLab

NO_PASSWORDS = "passwordauthentication no\nkbdinteractiveauthentication no\npermitemptypasswords no\nport 22"


@pytest.mark.parametrize(
    ("tree", "wrong"),
    [
        ("1 0 init\n2 0 kthreadd\n3 2 a worker: 3\n9 1 sh -c x\n10 9 ps", None),
        ("1 0 init\n7 6 lost\n", r"\[7\]"),
        ("1 0 init\n3 0 lost\n", r"\[3\]"),
        ("2 0 kthreadd\n0 0 idle\n3 2 a\n", "process 1"),
    ],
)
def test_each_process_leads_to_the_first(tree: str, wrong: str | None) -> None:
    machine = AnsweringLab(guest={"ps": tree}).guest
    if wrong is None:
        assert_process_tree(machine)
    else:
        with pytest.raises(AssertionError, match=wrong):
            assert_process_tree(machine)


@pytest.mark.parametrize(
    ("printed", "wrong"),
    [
        ("0x1 child\n0x1 parent", None),
        ("0x1 parent\n0x1 child", None),
        ("0x1 child\n0x2 parent", "virtual addresses"),
        ("0x1 child\n0x1 child", "values there"),
        ("0x1 child", "values there"),
        ("0x1 a\n0x1 child\n0x1 parent", "values there"),
        ("0x1 child\n0x1 parent\n0x1 parent", "values there"),
        ("0x1 z\n0x1 zz", "values there"),
    ],
)
def test_memories_are_isolated_if_two_values_are_at_one_address(printed: str, wrong: str | None) -> None:
    machine = RecordedLab().guest
    if wrong is None:
        assert_isolated_memories(machine, printed)
    else:
        with pytest.raises(AssertionError, match=wrong):
            assert_isolated_memories(machine, printed)


def test_a_key_is_known_by_its_type_and_text_whatever_its_comment() -> None:
    machine = RecordedLab().guest
    assert_opened_by_key(
        machine, "ssh-rsa BBBB other\n\nssh-ed25519 AAAA another place\n", "ssh-ed25519 AAAA me"
    )
    for authorized in ("ssh-ed25519 BBBB me\n", "ssh-rsa AAAA me\n", ""):
        with pytest.raises(AssertionError, match="keys that open it"):
            assert_opened_by_key(machine, authorized, "ssh-ed25519 AAAA me")


def test_no_password_is_asked_for_if_each_option_says_no() -> None:
    machine = RecordedLab().guest
    assert assert_no_passwords(machine, NO_PASSWORDS)["port"] == "22"
    for option in ("passwordauthentication", "kbdinteractiveauthentication", "permitemptypasswords"):
        for value in ("yes", "maybe", "n"):
            with pytest.raises(AssertionError, match=f"{option}: expected no, observed {value}"):
                assert_no_passwords(machine, NO_PASSWORDS.replace(f"{option} no", f"{option} {value}"))
        with pytest.raises(AssertionError, match=f"{option}: expected no, observed None"):
            assert_no_passwords(machine, NO_PASSWORDS.replace(f"{option} no\n", ""))
