"""What a deploy and a teardown write into the allocation file, which is a real one here."""

from pathlib import Path

import pytest

from minetlab.inventory import allocation_file as files
from minetlab.lab import Allocation, Lab
from minetlab.operations import allocation_file
from minetlab.plan import Plan, allocate
from tests.support.fake_host import Operation, Run, run_operation
from tests.support.places import lab_of

HOST = "@fake/ct1"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / files.ALLOCATION_FILE


def lab_at(path: Path, *logins: str) -> Lab:
    """The lab of these students, with the file as it is now; its container host is the fake one."""
    lab = lab_of(logins, allocation=files.read(path))
    host = lab.container_hosts[0].model_copy(update={"name": HOST})
    lab = lab.model_copy(update={"container_hosts": (host,)})
    assert isinstance(lab, Lab)
    return lab


def run(operation: Operation, lab: Lab, plan: Plan | None = None) -> Run:
    return run_operation(operation, {}, lab=lab, plan=plan or allocate(lab))


def machines(path: Path) -> set[str]:
    return {placement.machine for placement in files.read(path).placements}


def test_places_are_written_once_and_it_is_said_to_commit_them(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="pyinfra")
    lab = lab_at(path, "alice")
    written = run(allocation_file.write, lab)
    assert (written.commands, written.changed, written.failed, written.noops) == ([], True, False, ())
    assert machines(path) == {"lab-alice", "lab-alice-isa", "lab-alice-processus"}
    assert f"{path} has changed: commit it with the roster" in caplog.text
    for known in (lab, lab_at(path, "alice")):
        assert run(allocation_file.write, known).idle


def test_what_somebody_else_wrote_meanwhile_is_not_overwritten(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ours, theirs = lab_at(path, "alice"), lab_at(path, "bob")
    run(allocation_file.write, theirs)
    assert run(allocation_file.write, ours).failed
    assert f"{path} was changed since this run read it" in caplog.text
    assert machines(path) == {"lab-bob", "lab-bob-isa", "lab-bob-processus"}


def test_a_file_that_cannot_be_written_fails_the_host(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "gone" / files.ALLOCATION_FILE
    assert run(allocation_file.write, lab_at(path, "alice")).failed
    assert "the allocation file" in caplog.text
    assert not path.exists()


def test_only_what_this_host_no_longer_has_is_removed(path: Path) -> None:
    run(allocation_file.write, lab_at(path, "alice", "bob"))
    lab = lab_at(path, "alice")
    pruned = run(allocation_file.prune, lab)
    assert (pruned.changed, pruned.failed) == (True, False)
    # That of bob's guest stays: it is on another host.
    assert machines(path) == {"lab-alice", "lab-alice-isa", "lab-alice-processus", "lab-bob"}
    assert run(allocation_file.prune, lab_at(path, "alice")).idle


@pytest.mark.parametrize("operation", [allocation_file.write, allocation_file.prune])
def test_a_file_with_a_mistake_fails_the_host_and_stays(operation: Operation, path: Path) -> None:
    lab = lab_at(path, "alice")
    lab = lab.model_copy(update={"allocation": Allocation(source=str(path))})
    path.write_text("login,machine,host,place\nalice,lab-alice,hv0,nowhere\n")
    assert run(operation, lab).failed
    assert "nowhere" in path.read_text()
