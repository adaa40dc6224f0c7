"""``lab sandbox`` for several hosts, of which one fails."""

from pathlib import Path

import pytest

from minetlab.cli import sandbox
from minetlab.sandbox.machine import SandboxHost
from minetlab.util.errors import LabError


def test_one_host_that_cannot_be_suspended_keeps_no_other_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped = []

    def stop(name: str, progress: object, *, shutdown: bool) -> None:
        if name == "ct1":
            raise LabError("the saved memory of ct1 needs 2.0 GiB", next_step="free some space")
        stopped.append(name)

    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path))
    for name in ("ct1", "hv1", "hv2"):
        SandboxHost(name).folder.mkdir()
    monkeypatch.setattr(sandbox, "stop", stop)
    with pytest.raises(LabError, match=r"1 of 3 hosts are not stopped(?s:.)*free some space"):
        sandbox.stop_command()
    assert stopped == ["hv1", "hv2"]
    assert "[ct1] the saved memory of ct1 needs 2.0 GiB" in capsys.readouterr().out
