"""An SSH configuration as OpenSSH reads it."""

import subprocess
from pathlib import Path


def as_ssh_reads(config: Path, alias: str) -> dict[str, str]:
    """Option to value, in lower case as ssh prints them."""
    command = ["ssh", "-G", "-F", str(config), alias]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert not result.stderr
    return dict(line.partition(" ")[::2] for line in result.stdout.splitlines())
