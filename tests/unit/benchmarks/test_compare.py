"""The comparison with other tools: the order of turns, the page that is made, and the clock."""

import time
from pathlib import Path

import pytest

from benchmarks.compare import results
from benchmarks.compare.contestant import Command
from benchmarks.compare.contestants import CONTESTANTS, FLOOR, LAB
from benchmarks.compare.page import figures, section
from benchmarks.compare.results import Entrant, Measurement, Results
from benchmarks.compare.rows import HostLoad, plan, turns
from benchmarks.compare.timing import timed
from minetlab.util.errors import LabError

NAMES = ("raw APIs", "minet-lab", "Ansible", "kcli")
TEN = HostLoad("guests", 10)


def measured(name, *seconds, verb="create", load=TEN):
    return [
        Measurement(name, verb, load.kind, load.size, number, each)
        for number, each in enumerate(seconds, start=1)
    ]


@pytest.fixture
def found():
    failed = Measurement("kcli", "create", "guests", 10, 1, None, "status 1: pool\x1b[31m busy\nsecond line")
    return Results(
        machine={"kernel": "6.1"},
        plan={"rounds": 3},
        entrants=[
            Entrant("raw APIs", "As a program."),
            Entrant("Ansible", "By playbooks.", absent="no package of that name\nat all"),
        ],
        measurements=[
            *measured("raw APIs", 2.0, 1.0, 3.0),
            *measured("minet-lab", 4.0, 5.0, 3.0),
            *measured("Ansible", 20.0, 22.0),
            *measured("minet-lab", 0.5, 0.5, 0.5, verb="repeat", load=HostLoad("class", 30)),
            failed,
        ],
    )


def test_everybody_has_a_turn_a_round_in_an_order_that_the_seed_decides():
    first = list(turns(NAMES, 20, 1, TEN))
    for number in range(1, 21):
        assert sorted(name for each, name in first if each == number) == sorted(NAMES)
    assert first == list(turns(NAMES, 20, 1, TEN))
    assert first != list(turns(NAMES, 20, 2, TEN))
    assert first != list(turns(NAMES, 20, 1, HostLoad("guests", 50)))
    assert len({tuple(name for each, name in first if each == number) for number in range(1, 21)}) > 5


def test_the_plan_of_a_full_run_has_all_rows_of_the_comparison():
    full = plan(quick=False, rounds=None, seed=1)
    assert [str(load) for load in full.cycles] == ["10 guests", "50 guests", "20 containers", "60 containers"]
    assert [str(load) for load in full.standing] == ["10 students", "30 students", "300 students"]
    assert plan(quick=True, rounds=7, seed=1).rounds == 7


def test_tables_have_medians_quartiles_and_ratios_to_the_floor(found):
    made = section(found, "# Beginning\n", NAMES, "raw APIs")
    assert made.startswith("# Beginning\n")
    assert "| raw APIs | 2.00 (1.50 … 2.50), × 1.00 |" in made
    assert "| minet-lab | 4.00 (3.50 … 4.50), × 2.00 |" in made
    # Fewer rounds than planned are said; and where the floor does not compete, there is no ratio.
    assert "| Ansible | 21.0 (20.0 … 22.0), × 10.5, n = 2 |" in made
    assert "| minet-lab | 0.50 (0.50 … 0.50) |" in made
    # Each table has only who was measured for it.
    making, nothing = made.split("### Making them")[1].split("### Nothing to do")
    assert "| kcli |" not in making
    assert "| raw APIs |" not in nothing


def test_who_was_not_there_and_what_failed_is_said_with_its_reason(found):
    made = section(found, "", NAMES, "raw APIs")
    assert "*Did not compete here:*\n\n      no package of that name\n      at all\n" in made
    failed = "- kcli, making them, 10 guests, round 1:\n\n      status 1: pool busy\n      second line\n"
    assert failed in made


def test_there_is_a_plot_for_each_table_with_all_who_were_measured(found):
    plots = dict(figures(found, NAMES, "minet-lab"))
    assert sorted(plots) == ["create.svg", "repeat.svg"]
    for name in ("raw APIs", "minet-lab", "Ansible"):
        assert f">{name}<" in plots["create.svg"]
    assert ">kcli<" not in plots["create.svg"]
    assert ">30 students<" in plots["repeat.svg"]
    assert dict(figures(found, NAMES, "minet-lab")) == plots


def test_what_is_kept_is_read_again_and_something_else_is_refused(found, tmp_path):
    file = tmp_path / "measurements.json"
    found.save(file)
    assert results.load(file) == found
    assert found.has("Ansible", "create", TEN, 2)
    assert not found.has("Ansible", "create", TEN, 3)
    file.write_text("{}")
    with pytest.raises(LabError, match="cannot read the measurements"):
        results.load(file)


def test_all_contestants_have_a_name_and_say_how_they_are_run():
    names = [each.name for each in CONTESTANTS]
    assert len(set(names)) == len(names)
    assert {FLOOR, LAB} < set(names)
    assert all(each.how.endswith(".") and each.kinds for each in CONTESTANTS)


def test_the_clock_runs_from_start_to_end():
    assert 0.2 <= timed(Command(["sleep", "0.2"]), 30) < 10


def test_a_command_that_fails_says_its_last_words():
    with pytest.raises(LabError, match="status 3: what went wrong"):
        timed(Command(["sh", "-c", "echo what went wrong >&2; exit 3"]), 30)
    with pytest.raises(LabError, match="cannot be run"):
        timed(Command(["/nowhere/program"]), 30)


def test_a_command_has_to_say_what_it_should():
    assert timed(Command(["echo", "changed=0 failed=0"], says=r"changed=0\b"), 30)
    with pytest.raises(LabError, match=r"it does not say .*: changed=03"):
        timed(Command(["echo", "changed=03"], says=r"changed=0\b"), 30)


def runs(pid: str) -> bool:
    """Whether a process runs; one that has ended has no command line, also where nobody asks how it ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_command_that_takes_too_long_is_ended_with_its_children(tmp_path):
    script = f"sh -c 'echo $$ >{tmp_path}/pid; exec sleep 300'"
    with pytest.raises(LabError, match="not done within 1 s"):
        timed(Command(["sh", "-c", f"{script}; true"]), 1)
    pid = (tmp_path / "pid").read_text().strip()
    deadline = time.monotonic() + 10
    while runs(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not runs(pid)


def test_the_clock_stops_when_that_was_said_as_often_as_it_has_to_be():
    script = "for each in 1 2 3; do sleep 0.1; echo it runs; done; sleep 300"
    assert 0.2 <= timed(Command(["sh", "-c", script], until="it runs", times=2), 60) < 30
    with pytest.raises(LabError, match="status 0: it runs"):
        timed(Command(["sh", "-c", "echo it runs"], until="it runs", times=2), 30)
