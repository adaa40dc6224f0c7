"""Commands of the checks, by the programs of this machine."""

import subprocess

from minetlab.checks import machines


def test_what_processes_are_called_has_an_end() -> None:
    """In containers, students start processes with arguments as long as they like."""
    with subprocess.Popen(["sh", "-c", "sleep 60; :", "x" * 100_000]) as long:
        listed = subprocess.run(["sh", "-c", machines.PROCESSES], capture_output=True, text=True, check=True)
        long.kill()
    assert any(line.startswith("sh -c sleep 60; : xxx") for line in listed.stdout.splitlines())
    assert max(map(len, listed.stdout.splitlines())) <= 300
