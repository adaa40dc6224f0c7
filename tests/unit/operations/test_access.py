"""The keys of the containers on their host."""

import io
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest

from minetlab.lab import Student
from minetlab.operations import access, specs
from minetlab.plan import Container
from minetlab.resources.access import archive, outdated
from minetlab.resources.docker import container_user
from tests.support.fake_host import Run, run_operation

STUDENTS = tuple(Student(login=f"s{number}", name="S") for number in range(2))
CONTAINERS = tuple(
    Container(f"minet-{each.login}-processus", each, "ct1", "processus", 20000 + number)
    for number, each in enumerate(STUDENTS)
)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path))


def there(**spoilt: str) -> dict[str, list[str]]:
    """A host that has all the keys, but those whose sum is given."""
    files = specs.access("minet", CONTAINERS)
    sums = {path: sha256(file.content).hexdigest() for path, file in files.items()}
    owners = [f"owner {file.owner} ./{path}" for path, file in files.items()]
    digests = [f"sha256 {digest}  ./{path}" for path, digest in {**sums, **spoilt}.items()]
    return {"sha256sum": [*digests, *owners]}


def run(responses: dict[str, list[str]]) -> Run:
    return run_operation(access.keys, responses, lab="minet", containers=CONTAINERS)


def test_keys_that_are_there_are_left_alone() -> None:
    result = run(there())
    assert (len(result.commands), result.idle) == (1, True)


def test_missing_keys_travel_in_one_command_that_does_not_show_them() -> None:
    result = run({})
    _, folder, extract = result.commands
    assert folder == "mkdir -p /var/lib/minet-lab/minet/access && chmod 0700 /var/lib/minet-lab/minet/access"
    assert extract == "base64 --decode | tar --extract --directory /var/lib/minet-lab/minet/access"


def test_a_changed_key_is_sent_again() -> None:
    assert run(there(**{"minet-s0-processus/authorized_keys": 64 * "0"})).changed


def test_only_what_differs_travels_and_it_is_the_students() -> None:
    wanted = specs.access("minet", CONTAINERS)
    observed = {path: file.observed for path, file in wanted.items()}
    del observed["minet-s1-processus/host_key"]
    with tarfile.open(fileobj=io.BytesIO(archive(outdated(wanted, observed)))) as tar:
        entries = {entry.name: (entry.uid, entry.mode) for entry in tar.getmembers()}
    owner = container_user(CONTAINERS[1].ssh_port)
    assert entries == {"minet-s1-processus": (0, 0o755), "minet-s1-processus/host_key": (owner, 0o400)}
