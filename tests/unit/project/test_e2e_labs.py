"""What end-to-end tests leave behind."""

import os
import subprocess
import sys
from pathlib import Path

from minetlab.sandbox.machine import SandboxHost
from minetlab.util.paths import PROJECT_ROOT
from tests.support.qemu import wait_for

RUN = """
import os, pathlib, sys
from tests.e2e.lab_under_test import removed_in_the_end
with removed_in_the_end(pathlib.Path(sys.argv[1]), dict(os.environ)):
    print("runs", flush=True)
    sys.stdin.read()
"""


def test_the_lab_of_a_test_run_that_is_killed_is_removed(
    tmp_path: Path, machine: SandboxHost, qemu: subprocess.Popen[bytes]
) -> None:
    folder = tmp_path / "lab"
    folder.mkdir()
    command = [sys.executable, "-c", RUN, str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=PROJECT_ROOT, env=os.environ, stdin=pipe, stdout=pipe) as run:
        assert run.stdout
        assert run.stdout.readline() == b"runs\n"
        run.kill()
    assert qemu.wait(60) < 0
    wait_for(lambda: not folder.exists(), limit=60)
    assert not machine.folder.exists()
