"""Which hosts are not waited for."""

from pathlib import Path

import pytest

from minetlab.plan import allocate
from minetlab.ssh.student_machines import silent_hosts
from tests.support.fake_program import put_first_in_path
from tests.support.machines import lab_of


def test_a_host_that_goes_on_printing_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_first_in_path(tmp_path, "ssh", "exec yes", monkeypatch)
    machines = allocate(lab_of("alice")).machines
    silent = silent_hosts(tmp_path / "ssh_config", machines)
    assert silent.keys() == {machine.host for machine in machines}
    assert set(silent.values()) == {"it printed more than 67108864 bytes"}
