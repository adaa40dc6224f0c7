"""``lab ssh`` and ``lab console``: which machine they lead to, in a terminal of its own."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from minetlab.util.paths import PROJECT_ROOT
from tests.support.fake_program import SSH_SETTINGS
from tests.support.guests import answer

# Says which machine it was to reach; of a host's libvirt, it says what is in a file, and fails without.
SSH = f"""\
{SSH_SETTINGS}\
for last; do :; done
case $last in
    *"sh -c"*) exec cat "$ANSWER" ;;
    *) echo "reached: $*" ;;
esac
"""


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lab of two students and one host."""
    ssh = tmp_path / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text(SSH)
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ssh.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("ANSWER", str(tmp_path / "answer"))
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "state"))
    (tmp_path / "students.csv").write_text("name,login\nA,s0\nB,s1\n")
    (tmp_path / "group_data").mkdir()
    (tmp_path / "group_data" / "all.py").write_text(
        f"lab_name = 'minet'\nroster = '{tmp_path}/students.csv'\n"
    )
    inventory = tmp_path / "lab.py"
    inventory.write_text('kvm_hosts = [("hv1", {"_sudo": True})]\n')
    return inventory


def lab(*words: str, inventory: Path, terminal: bool = True) -> tuple[int, str]:
    """What ``lab`` ends with and says."""
    verb, *others = words
    command = [sys.executable, "-m", "minetlab", verb, "-i", str(inventory), *others]
    in_terminal = ["script", "--quiet", "--return", "--command", shlex.join(command), "/dev/null"]
    result = subprocess.run(
        in_terminal if terminal else command,
        cwd=PROJECT_ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return result.returncode, result.stdout.replace("\r\n", "\n")


def test_a_login_leads_to_the_students_guest(inventory: Path) -> None:
    status, said = lab("ssh", "s1", "uptime", inventory=inventory)
    assert status == 0
    assert said.endswith("/labs/minet/ssh_config minet-s1 uptime\n")


def test_a_guest_that_is_off_on_purpose_is_not_waited_for(inventory: Path, tmp_path: Path) -> None:
    inventory.write_text('kvm_hosts = [("hv1", {"_sudo": True, "guests_run": False})]\n')
    (tmp_path / "answer").write_text("minet-s0\n\n")
    assert lab("ssh", "s1", inventory=inventory, terminal=False) == (
        1,
        "lab: minet-s1 does not run, as guests_run is False on hv1\n"
        "  → on hv1: virsh start minet-s1; or set guests_run = True for hv1, then lab up\n",
    )
    started_by_hand, host = lab("ssh", "s0", inventory=inventory), lab("ssh", "hv1", inventory=inventory)
    assert [said.split()[-1] for _, said in (started_by_hand, host)] == ["minet-s0", "hv1"]
    (tmp_path / "answer").write_text("\n".join(answer(2, active=False)))
    status, said = lab("console", "s1", inventory=inventory)
    assert (status, "hv1: virsh start minet-s1" in said) == (1, True)


def test_an_inventory_behind_the_name_is_refused_and_not_run_there(inventory: Path) -> None:
    assert lab("ssh", "s1", "-i", "other.py", inventory=inventory, terminal=False) == (
        1,
        "lab: -i comes after the machine's name, where the command for the machine begins\n"
        "  → put options before the name, as in ./lab ssh -i inventories/production.py alice\n",
    )
    status, said = lab("ssh", "s1", "ls", "-l", inventory=inventory)
    assert (status, said.endswith(" minet-s1 ls -l\n")) == (0, True)


def test_an_unknown_word_is_one_error(inventory: Path) -> None:
    assert lab("ssh", "s9", inventory=inventory, terminal=False) == (
        1,
        "lab: there is no machine or student 's9' in the lab\n  → choose one of: hv1, s0, s1\n",
    )


def test_a_console_says_first_how_to_leave_and_is_opened_through_the_host(
    inventory: Path, tmp_path: Path
) -> None:
    (tmp_path / "answer").write_text("\n".join(answer(2)))
    status, said = lab("console", "s0", inventory=inventory)
    first, reached, *rest = said.splitlines()
    assert (status, rest) == (0, [])
    assert first.startswith("minet-s0 on hv1. To leave: Ctrl and ]")
    assert reached.startswith("reached: -t -F ")
    assert reached.endswith(" hv1 sudo virsh -q -c qemu:///system console minet-s0")


@pytest.mark.parametrize(
    ("lines", "terminal", "said"),
    [
        (answer(2, active=False), True, "hv1: minet-s1 is shut off\n  → bring it up: ./lab up -i"),
        (answer(2, active=False), True, "./lab reset -i {inventory} s1"),
        (answer(1), True, "hv1: minet-s1 does not exist"),
        (answer(2, lab="other"), True, "hv1: minet-s1 does not exist"),
        (None, True, "hv1 does not answer\n  → see why: ./lab ssh -i {inventory} hv1"),
        (answer(2), False, "a console needs a terminal"),
    ],
)
def test_where_there_is_no_console_the_reason_is_said(
    inventory: Path, tmp_path: Path, lines: list[str] | None, terminal: bool, said: str
) -> None:
    if lines:
        (tmp_path / "answer").write_text("\n".join(lines))
    status, output = lab("console", "s1", inventory=inventory, terminal=terminal)
    assert status == 1
    assert said.format(inventory=inventory) in output
    assert "reached" not in output
