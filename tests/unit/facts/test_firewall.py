"""What a host says of the lab's firewall."""

import os
import subprocess
from pathlib import Path

import pytest

from minetlab.facts.firewall import Firewall
from minetlab.resources.firewall import FirewallObserved, files


def test_a_host_without_a_firewall_has_nothing(tmp_path: Path) -> None:
    assert said(tmp_path) == FirewallObserved() == Firewall().default()


@pytest.mark.parametrize("table", ["minet-lab-minet", "minet-lab-other"])
def test_files_units_and_rules_are_read(tmp_path: Path, table: str) -> None:
    rules, _, service, *_ = files("minet")
    for path in (rules, service):
        file = Path(f"{tmp_path}{path}")
        file.parent.mkdir(parents=True)
        file.write_text(f"# {path}\n\n@not a path\n")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "rules").write_text(
        'table inet minet-lab-minet {\n\tcomment "0a1b"\n\tchain x {\n\t\tcomment "no"\n'
    )
    for name, script in {
        "systemctl": 'case $2 in *.service) echo enabled;; *) echo "No such unit" >&2; exit 1;; esac',
        "nft": f'[ "$*" = "list table inet {table}" ] && cat "${{0%/*}}/rules"',
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    assert said(tmp_path) == FirewallObserved(
        files={path: f"# {path}\n\n@not a path\n" for path in (rules, service)},
        enabled=frozenset({"minet-lab-minet.service"}),
        loaded="0a1b" if table == "minet-lab-minet" else "",
    )


def said(root: Path) -> FirewallObserved:
    """What is read on a host whose files are below a folder."""
    command = Firewall().command("minet")
    for path in files("minet"):
        command = command.replace(path, f"{root}{path}")
    environment = {"PATH": f"{root}/bin:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=True)
    observed = Firewall().process(done.stdout.splitlines())
    names = {path.removeprefix(str(root)): text for path, text in observed.files.items()}
    return FirewallObserved(names, observed.enabled, observed.loaded)
