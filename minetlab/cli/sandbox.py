"""``lab sandbox``: commands for the virtual hosts on this machine."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from minetlab.cli.options import COMMAND_AT_THE_END, Inventory, command_of, lab_command
from minetlab.cli.tables import table_of
from minetlab.cli.terminal import console
from minetlab.inventory.hosts import DEFAULT_INVENTORY, SANDBOX_PREFIX, read_inventory
from minetlab.inventory.load import load
from minetlab.sandbox import SandboxHostState, checkpoint, list_hosts, prune, remove, ssh_argv, stop
from minetlab.sandbox.checkpoint import Checkpoint, list_checkpoints
from minetlab.sandbox.machine import SandboxHost
from minetlab.util.errors import LabError
from minetlab.util.paths import state_dir
from minetlab.util.process import become

app = typer.Typer()

Names = Annotated[list[str] | None, typer.Argument(help="Hosts, such as hv1; none: all of them.")]
CheckpointName = Annotated[str, typer.Argument(metavar="NAME", help="Of the checkpoint, such as before-tp2.")]


@app.command("ls")
def list_command() -> None:
    """List the virtual hosts, running or not, and the checkpoints of every lab."""
    table = _table("host", "state", "image", "memory", "CPUs", "disk", "port", "accelerator")
    for host in list_hosts():
        table.add_row(*_row(host))
    terminal = console()
    terminal.print(table if table.rows else "no sandbox hosts; ./lab up makes them")
    checkpoints = _table("lab", "checkpoint", "hosts", "saved", "size")
    for folder in sorted(state_dir().glob("labs/*/checkpoints")):
        for saved in list_checkpoints(folder):
            checkpoints.add_row(folder.parent.name, *_checkpoint_row(saved))
    if checkpoints.rows:
        terminal.print(checkpoints)


@app.command(context_settings=COMMAND_AT_THE_END)
def ssh(
    name: str, command: Annotated[list[str] | None, typer.Argument(help="What to run there.")] = None
) -> None:
    """Log into a virtual host as root, or run one command there."""
    become(ssh_argv(_plain(name), command_of(command)))


@app.command("stop")
def stop_command(
    names: Names = None,
    *,
    shutdown: Annotated[
        bool, typer.Option("--shutdown", help="Shut them down: what runs in them ends, and they boot again.")
    ] = False,
) -> None:
    """Suspend virtual hosts: their memory is saved, and the next command that needs them resumes them."""
    chosen, failures = _chosen(names), []
    for name in chosen:
        try:
            stop(name, progress_of(name), shutdown=shutdown)
        except LabError as error:  # go on with the other hosts
            progress_of(name)(error.problem)
            failures.append(error)
    if failures:
        raise LabError(
            f"{len(failures)} of {len(chosen)} hosts are not stopped", next_step=failures[0].next_step
        )


@app.command("rm")
def remove_command(
    names: Names = None,
    *,
    checkpoint_name: Annotated[
        str | None, typer.Option("--checkpoint", help="Remove this checkpoint of the lab, and no host.")
    ] = None,
    inventory_file: Inventory = DEFAULT_INVENTORY,
) -> None:
    """Remove virtual hosts and their disks, or a checkpoint."""
    if checkpoint_name:
        if names:
            raise LabError(
                "--checkpoint removes a checkpoint of all hosts", next_step="leave out the hosts' names"
            )
        checkpoint.remove(Checkpoint.named(checkpoint_name, checkpoints_of(inventory_file)))
        return
    for name in _chosen(names):
        remove(name, progress_of(name))


@app.command("save")
def save_command(name: CheckpointName, inventory_file: Inventory = DEFAULT_INVENTORY) -> None:
    """Save all virtual hosts of a lab, memory and disk, as a checkpoint; they continue to run.

    The checkpoint holds every secret of the hosts, and only you can read it.
    """
    hosts = _hosts_to_save(inventory_file)
    new = Checkpoint.named(name, checkpoints_of(inventory_file))
    checkpoint.save(new, hosts, progress_of)
    typer.echo(
        f"saved {', '.join(hosts)} as {name}: {new.size / 2**30:.1f} GiB, with all secrets of the hosts"
    )
    typer.echo(f"Come back to it with: {lab_command(inventory_file, 'sandbox restore', name)}")


@app.command("restore")
def restore_command(name: CheckpointName, inventory_file: Inventory = DEFAULT_INVENTORY) -> None:
    """Bring all virtual hosts of a lab back to a checkpoint; all changes since then are lost."""
    hosts = _hosts_to_save(inventory_file)
    checkpoint.restore(Checkpoint.named(name, checkpoints_of(inventory_file)), hosts, progress_of)


@app.command("prune")
def prune_command(
    gib: Annotated[
        float | None,
        typer.Option(
            "--to", metavar="GIB", min=0, help="How large the cache may be; 0: only what is needed."
        ),
    ] = None,
) -> None:
    """Make the image cache smaller: the least recently used images go first; what hosts use stays.

    Each time a virtual host is made, the cache is kept below MINETLAB_CACHE_GIB (20) in the same way.
    """
    freed = prune.prune(typer.echo, gib)
    size = sum(entry.size for entry in prune.cache_entries())
    typer.echo(f"{freed / 2**30:.1f} GiB removed, the image cache has {size / 2**30:.1f} GiB")


def checkpoints_of(inventory_file: Path) -> Path:
    """Return the folder of the checkpoints of an inventory's lab."""
    return state_dir() / "labs" / load(inventory_file).lab.name / "checkpoints"


def _hosts_to_save(inventory_file: Path) -> list[str]:
    if hosts := hosts_of(inventory_file):
        return hosts
    raise LabError(
        f"{inventory_file} names no virtual host", next_step="checkpoints are of hosts named @sandbox/…"
    )


def remove_hosts_of(inventory_file: Path) -> None:
    """Remove the sandbox hosts that an inventory names."""
    for name in hosts_of(inventory_file):
        remove(name, progress_of(name))


def hosts_of(inventory_file: Path) -> list[str]:
    """Return the names of an inventory's sandbox hosts, without ``@sandbox/``."""
    names = [host.name for host in read_inventory(inventory_file)]
    return [_plain(name) for name in names if name.startswith(SANDBOX_PREFIX)]


def _chosen(names: list[str] | None) -> list[str]:
    existing = [host.name for host in list_hosts()]
    chosen = [_plain(name) for name in names] if names else existing
    for name in chosen:
        if name not in existing:
            raise LabError(
                f"there is no sandbox host {name}",
                next_step=f"choose one of: {', '.join(existing) or '(none exist)'}",
            )
    return chosen


def _plain(name: str) -> str:
    return name.removeprefix(SANDBOX_PREFIX)


def progress_of(name: str) -> Callable[[str], None]:
    """Return a function that prints lines of progress about a host."""
    return lambda message: typer.echo(f"[{name}] {message}")


def _table(*columns: str) -> Table:
    """Return a table with little space between its columns, for narrow terminals."""
    return table_of(*columns, pad_edge=False, padding=(0, 1, 0, 0))


def _row(host: SandboxHostState) -> list[str]:
    spec = host.record.spec if host.record else None
    image = f"Debian {spec.debian} {spec.image}" if spec else "?"
    hardware = [f"{spec.memory} MiB", f"{spec.vcpus}"] if spec else ["?", "?"]
    if host.pid is not None:
        state, port = "running", _port(host.name)
    else:
        state, port = "suspended" if host.suspended else "stopped", ""
    disk = f"{host.disk_bytes / 2**20:.0f} MiB"
    accelerator = host.record.accelerator.name if host.record else ""
    return [host.name, state, image, *hardware, disk, port, accelerator]


def _port(name: str) -> str:
    try:
        return str(SandboxHost(name).connection().port)
    except LabError:  # its QEMU does not answer; commands on this host report the error
        return "?"


def _checkpoint_row(saved: Checkpoint) -> list[str]:
    size = f"{saved.size / 2**20:.0f} MiB"
    if (manifest := saved.manifest) is None:
        return [saved.name, "incomplete", "", size]
    return [saved.name, ", ".join(manifest.disks), f"{manifest.saved.astimezone():%d %B, %H:%M}", size]
