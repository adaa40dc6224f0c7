"""The witness: how it is started, and what its console says of the way back."""

import pytest

from minetlab.checks.snapshots import History, parse_history, run_witness
from tests.support.answering import AnsweringLab
from tests.support.recorded import HV1, RecordedLab

FOLDER = "/home/folder/minet-lab.Abc123"
LSCPU = RecordedLab().answers[HV1]["LC_ALL=C lscpu --json"]


@pytest.mark.parametrize(
    ("numbers", "past"),
    [
        ((1, 2, 3, 4, 2, 3), (4, 2)),
        ((1, 2, 2, 3), (2, 2)),
        ((1, 2, 1, 2, 1), (2, 1)),
        ((1, 2, 3), None),
        ((1,), None),
        ((), None),
    ],
)
def test_the_past_is_where_it_counts_again(numbers: tuple[int, ...], past: tuple[int, int] | None) -> None:
    assert History(2, 4, numbers).past == past


def test_what_is_no_number_on_the_console_is_left_out() -> None:
    assert parse_history("2 3\npret\r\n1\r\n\r\n2 \r\n") == History(2, 3, (1, 2))


@pytest.mark.parametrize(("flags", "kind"), [(" svm ", "kvm"), (" ", "qemu")])
def test_the_witness_is_virtualized_where_that_is_possible(flags: str, kind: str) -> None:
    answers = {
        "mktemp --directory": FOLDER,
        "lscpu": LSCPU.replace(" svm ", flags),
        "snapshot-revert": "3 6\n1\n2\n3\n4\n5\n6\n4\n",
    }
    lab = AnsweringLab(kvm_host=answers)
    history = run_witness(lab.guest.host_machine, lab.container)
    assert history == History(3, 6, (1, 2, 3, 4, 5, 6, 4))
    asked = lab.asked("kvm_host")
    assert f'<domain type="{kind}">' in asked
    assert f"<kernel>{FOLDER}/linux</kernel>" in asked
    assert "name=minet-witness\n" in asked
    assert lab.backends["kvm_host"].asked[-1] == f"rm --recursive {FOLDER}"
