"""Files that several runs, or several hosts of one run, want to change."""

import subprocess
import sys
from pathlib import Path

import pytest

from minetlab.util import files
from minetlab.util.errors import LabError
from minetlab.util.paths import PROJECT_ROOT

# As pyinfra runs an operation on its hosts: a greenlet each, one after the other until one waits.
HOSTS_OF_ONE_RUN = """
from gevent import joinall, monkey, spawn
monkey.patch_all()
import sys
from pathlib import Path
from minetlab.util.files import lock_folder

def change(host):
    with lock_folder(Path(sys.argv[1])):
        print(host)

joinall([spawn(change, host) for host in ("hv1", "hv2", "ct1")])
"""


def test_hosts_of_one_run_change_a_folder_one_after_the_other(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HOSTS_OF_ONE_RUN, str(tmp_path)],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == ["hv1", "hv2", "ct1"], done.stderr


def test_another_run_that_does_not_let_go_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FOLDER_LOCK_LIMIT", 0.2)
    said = f"{tmp_path} has been locked by another run .*\n.*fuser"
    with files.lock_folder(tmp_path), pytest.raises(LabError, match=said), files.lock_folder(tmp_path):
        pytest.fail("two at once")
    entered = []
    with files.lock_folder(tmp_path):
        entered.append(tmp_path)
    assert entered
