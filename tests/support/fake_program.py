"""Programs that stand in for those of this machine."""

from pathlib import Path

import pytest

SSH_SETTINGS = """\
#!/bin/sh
[ "$1" != -G ] || exec /usr/bin/ssh "$@"
"""
"""How a script begins that stands in for ssh: the real one says how a host is reached, and reaches none."""


def put_first_in_path(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a shell script be the program of that name.

    :param folder: where the script is written.
    """
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
