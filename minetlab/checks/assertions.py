"""What the checks of several kinds of machines assert."""

from itertools import pairwise

import pytest

from minetlab.checks.machines import TREE, HardwareVirtualization, KvmMachine, MachineUnderTest


def assert_process_tree(machine: MachineUnderTest) -> None:
    """Assert that every process leads up to the first one, or to the kernel's kthreadd, which is 2 (C04)."""
    lines = (line.split(maxsplit=2) for line in machine.reads(TREE).splitlines())
    parents = {int(pid): int(parent) for pid, parent, _ in lines}
    assert 1 in parents, machine.differs("process 1", "there", "not there")
    lost = [pid for pid, parent in parents.items() if parent not in parents and pid not in {1, 2}]
    assert not lost, machine.differs("processes whose parent is not in the tree", "none", lost)


def assert_isolated_memories(machine: MachineUnderTest, printed: str) -> None:
    """Assert that a process and its child have different values at the same virtual address (C05).

    :param machine: where they ran.
    :param printed: a line each: the address and the value there.
    """
    addresses, values = zip(*(line.split() for line in printed.splitlines()), strict=True)
    assert len(set(addresses)) == 1, machine.differs("virtual addresses", "one", sorted(set(addresses)))
    assert sorted(values) == ["child", "parent"], machine.differs(
        "values there", "child and parent", sorted(values)
    )


def assert_opened_by_key(machine: MachineUnderTest, authorized: str, key: str) -> None:
    """Assert that a student's key is among those that open their account.

    :param machine: where the account is.
    :param authorized: the file of the account's keys.
    :param key: the student's public key.
    """
    lines = [line.split() for line in authorized.splitlines() if line.strip()]
    # Before a key, there may be options, such as the addresses from which it opens the account.
    key_type, encoded, *_ = key.split()
    assert any((key_type, encoded) in pairwise(words) for words in lines), machine.differs(
        "keys that open it", f"{key} among them", f"{len(lines)} others"
    )


def assert_no_passwords(machine: MachineUnderTest, printed: str) -> dict[str, str]:
    """Assert that sshd asks for no password.

    :param machine: where it runs.
    :param printed: its settings, as ``sshd -T`` prints them.
    :return: the settings, by name.
    """
    settings = dict(line.partition(" ")[::2] for line in printed.splitlines())
    for option in ("passwordauthentication", "kbdinteractiveauthentication", "permitemptypasswords"):
        assert settings.get(option) == "no", machine.differs(f"sshd's {option}", "no", settings.get(option))
    return settings


def require_hardware(kvm_host: KvmMachine) -> HardwareVirtualization:
    """Return the host's hardware virtualization; without it, skip the check, or fail where it is required."""
    hardware = kvm_host.hardware
    if hardware is None:
        assert not kvm_host.require_kvm, (
            f"{kvm_host.name}: no hardware virtualization, which require_kvm asks for"
            "\n  → switch it on in the firmware, or use another host"
        )
        pytest.skip(f"{kvm_host.name}: no hardware virtualization: its guests are emulated (tcg)")
    return hardware
