"""The lines that say what was skipped."""

from minetlab.checks.summary import skipped_lines


def test_each_reason_is_a_line_with_its_machines_and_how_many_checks() -> None:
    reasons = ["hv1: no KVM: it is emulated", "ct2: off", "ct1: off", "ct1: off"]
    assert list(skipped_lines(reasons)) == [
        "no KVM: it is emulated (1 check): hv1",
        "off (3 checks): ct1, ct2",
    ]


def test_two_checks_of_one_machine_are_two() -> None:
    assert list(skipped_lines(["hv1: off", "hv1: off"])) == ["off (2 checks): hv1"]


def test_where_nothing_was_skipped_nothing_is_said() -> None:
    assert list(skipped_lines([])) == []
