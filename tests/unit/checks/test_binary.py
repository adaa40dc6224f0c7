"""The program that machines run to show that they have one instruction set."""

import subprocess

from minetlab.checks.binary import DIGEST, RUN, SUM, program


def test_it_is_the_same_file_wherever_it_is_written() -> None:
    assert len(program()) == 187
    assert DIGEST == "c35ed421ce0f52a94cd6ee8016bbc77badd2cc8fc42710a9043bbcc21d9a24db"


def test_a_shell_writes_and_runs_it_and_leaves_nothing_behind(tmp_path) -> None:
    shell = ["sh", "-c", RUN]
    done = subprocess.run(shell, capture_output=True, text=True, check=True, env={"TMPDIR": str(tmp_path)})
    assert done.stdout.split() == [DIGEST, "-", SUM]
    assert list(tmp_path.iterdir()) == []
