"""``lab check --pin``: pin the SSH host keys of real hosts."""

import sys
from pathlib import Path

import typer

from minetlab.inventory.load import load
from minetlab.preflight.host_keys import how_to_compare
from minetlab.ssh import ssh_config
from minetlab.ssh.host_keys import Endpoint, known, pin, scan, to_pin
from minetlab.util.errors import LabError


def pin_host_keys(inventory_file: Path, *, yes: bool) -> None:
    """Pin the key of each real host that has none yet; a key that is pinned is never replaced.

    What the administrator's own SSH knows is pinned without a question.

    :param inventory_file: the inventory of the lab.
    :param yes: do not ask whether a fingerprint is right.
    :raises LabError: there is no terminal to ask, or a file cannot be written; keys before are pinned.
    """
    for host in load(inventory_file).hosts:
        if host.is_real:
            _pin(ssh_config.endpoint(host), yes=yes)


def _pin(host: Endpoint, *, yes: bool) -> None:
    believed = known(host)
    if believed.file == host.pin_file:
        return
    if believed.keys:
        pin(host, believed.keys)
        typer.echo(f"{host.alias}: {to_pin(believed.keys)} is pinned now, as {believed.file} has it")
        return
    shown = scan(host)
    if not shown:
        typer.echo(f"{host.alias}: it shows no key, so none was pinned")
        return
    key = to_pin(shown)
    typer.echo(f"{host.alias} ({host.hostname}) shows {key}")
    if not yes and not _is_confirmed(host, how_to_compare(key)):
        return
    pin(host, [key])
    typer.echo(f"{host.alias}: pinned in {host.pin_file}: commit it")


def _is_confirmed(host: Endpoint, comparison: str) -> bool:
    if not sys.stdin.isatty():
        raise LabError(
            f"{host.alias} was not pinned, as there is nobody to ask",
            next_step=f"compare the fingerprint ({comparison}), then confirm with -y",
        )
    typer.echo(f"Compare it: {comparison}.")
    return typer.confirm("Is it the same?")
