"""``lab sandbox``: the virtual hosts on this machine."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from minetlab import inventory
from minetlab.errors import LabError
from minetlab.sandbox import HostState, connection, list_hosts, remove, ssh_argv, stop

app = typer.Typer(help="The virtual hosts that stand in for real ones.", no_args_is_help=True)
PREFIX = "@sandbox/"

Names = Annotated[list[str] | None, typer.Argument(help="Hosts, such as hv1; none: all of them.")]


@app.command("ls")
def list_command() -> None:
    """List the virtual hosts, running or not."""
    table = Table(
        "host", "state", "Debian", "image", "memory", "CPUs", "disk used", "SSH port", "accelerator"
    )
    for host in list_hosts():
        table.add_row(*_row(host))
    Console().print(table if table.rows else "no sandbox hosts; ./lab up makes them")


@app.command()
def ssh(
    name: str, command: Annotated[list[str] | None, typer.Argument(help="What to run there.")] = None
) -> None:
    """Log into a virtual host as root, or run one command there."""
    argv = ssh_argv(_plain(name), command)
    os.execvp(argv[0], argv)  # noqa: S606 - no shell is the point


@app.command("stop")
def stop_command(names: Names = None) -> None:
    """Shut virtual hosts down; their disks stay, and the next run boots them again."""
    for name in _chosen(names):
        stop(name, _progress(name))


@app.command("rm")
def remove_command(names: Names = None) -> None:
    """Remove virtual hosts and their disks."""
    for name in _chosen(names):
        remove(name, _progress(name))


def remove_hosts_of(inventory_file: Path) -> None:
    """Remove the sandbox hosts that an inventory names."""
    for name in hosts_of(inventory_file):
        remove(name, _progress(name))


def hosts_of(inventory_file: Path) -> list[str]:
    """The sandbox hosts that an inventory names, without their prefix."""
    names = [host.name for host in inventory.read(inventory_file)]
    return [_plain(name) for name in names if name.startswith(PREFIX)]


def _chosen(names: list[str] | None) -> list[str]:
    known = [host.name for host in list_hosts()]
    chosen = [_plain(name) for name in names] if names else known
    for name in chosen:
        if name not in known:
            raise LabError(
                f"there is no sandbox host {name}",
                next_step=f"choose one of: {', '.join(known) or '(none exist)'}",
            )
    return chosen


def _plain(name: str) -> str:
    return name.removeprefix(PREFIX)


def _progress(name: str) -> Callable[[str], None]:
    return lambda message: typer.echo(f"[{name}] {message}")


def _row(host: HostState) -> list[str]:
    spec, running = host.spec, host.pid is not None
    made = [f"{spec.debian}", spec.image, f"{spec.memory} MiB", f"{spec.vcpus}"] if spec else ["?"] * 4
    port = str(connection(host.name).port) if running else ""
    state = "running" if running else "stopped"
    return [host.name, state, *made, f"{host.disk_bytes / 2**20:.0f} MiB", port, host.accelerator or ""]
