"""``lab up``: from whatever is there to a lab that was proved, and a table of what stands where."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from rich import box
from rich.table import Table

from minetlab.checks import verify
from minetlab.checks.verify import Verdicts
from minetlab.cli import check, deploy, up_checkpoint
from minetlab.cli.options import typed
from minetlab.cli.tables import console_for
from minetlab.inventory.load import LoadedLab, load
from minetlab.lab import Lab
from minetlab.machines.status import RUNNING, MachineState, states
from minetlab.sandbox import forward, list_hosts
from minetlab.ssh import ssh_config
from minetlab.ssh.ssh_config import write_config
from minetlab.util.errors import LabError

NOT_THERE = "—"


def bring_up(inventory_file: Path) -> bool:
    """Check the hosts, provision and verify them, and show the lab; True if all of it succeeded.

    A sandbox that is made from nothing comes back from the checkpoint of the last time, or leaves one.

    :raises LabError: the lab cannot be deployed; nothing has been touched then.
    """
    check.require(inventory_file)
    from_nothing = up_checkpoint.is_absent(inventory_file) and not up_checkpoint.come_back(inventory_file)
    deployed = deploy.run(inventory_file, "deploys/all.py")
    verdicts = verify.run(inventory_file)
    show_lab(inventory_file, verdicts)
    if deployed and verdicts.green and from_nothing:
        up_checkpoint.keep(inventory_file)
    return deployed and verdicts.green


def show_lab(inventory_file: Path, verdicts: Verdicts) -> None:
    """Print one line a host, guest and container."""
    loaded = load(inventory_file)
    lab = loaded.lab
    table = Table(title=f"lab {lab.name}", title_justify="left", box=box.SIMPLE_HEAD)
    for column in ("host", "machine", "student", "address", "log in", "accelerator", "verdict"):
        table.add_column(column, no_wrap=True)
    seen = states(lab, loaded.plan, loaded.hosts, write_config(loaded))
    found = {each.name: each for each in seen if each.planned}
    kept_off = {name for name, each in found.items() if each.kept_off}
    for row in _rows(loaded, found, partial(typed, inventory_file, "ssh")):
        name = row[1]
        off = name in kept_off and name not in verdicts.failed
        table.add_row(*row, "[yellow]defined, not started" if off else verdicts.of(name))
    console = console_for(table)
    console.print(table)
    # Commands are to be copied: the terminal wraps them, if they have to be.
    say = partial(console.print, soft_wrap=True)
    for url in sites(lab):
        passwords = typed(inventory_file, "cards")
        say(f"TP site, for students and their instructor: {url} (their passwords: {passwords})")
    _say_whether_proved(say, verdicts, len(kept_off), partial(typed, inventory_file))


def _say_whether_proved(
    say: Callable[[str], None], verdicts: Verdicts, kept_off: int, command: Callable[[str], str]
) -> None:
    if not verdicts.green:
        say(f"[red]Some checks failed[/] (see above). Run them again with: {command('verify')}")
        return
    every = "Every machine that runs" if kept_off else "Every machine"
    say(f"[green]{every} shows what it should.[/] Take the lab down with: {command('down')}")
    if kept_off:
        say(
            f"[yellow]Guests that are defined, not started: {kept_off}.[/] "
            f"To have them run: guests_run = True, then {command('up')}"
        )
    report = command("report")
    say(f"For the full report (all claims, sheets and measurements), run: {report}")


def sites(lab: Lab) -> list[str]:
    """The URLs of the TP site; that of a sandbox host leads there from this machine, and only from it."""
    urls = []
    for host in lab.site_hosts:
        address, port = host.address, host.settings.site_port
        if port and host.in_sandbox:
            try:
                address, port = "127.0.0.1", forward(ssh_config.alias_of(host.name), port)
            except LabError:  # it does not run, which the deploy has said
                continue
        urls.append(f"http://{address}:{port}/")
    return urls


def _rows(
    loaded: LoadedLab, found: Mapping[str, MachineState], ssh: Callable[[str], str]
) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    lab, plan = loaded.lab, loaded.plan
    sandbox = {f"{ssh_config.SANDBOX}{host.name}": host.accelerator or NOT_THERE for host in list_hosts()}
    names = {host.name for host in lab.kvm_hosts} | {host.name for host in lab.container_hosts}
    for name in sorted(names):
        alias = ssh_config.alias_of(name)
        rows.append((alias, alias, "", "", ssh(alias), sandbox.get(name, "")))
        for guest in plan.guests_on(name):
            login, there = ssh(guest.name), found[guest.name]
            accelerator = there.accelerator if there.state == RUNNING else NOT_THERE
            rows.append((alias, guest.name, guest.student.name, str(guest.address.ip), login, accelerator))
        for container in plan.containers_on(name):
            login = ssh(container.name)
            rows.append((alias, container.name, container.student.name, "", login, ""))
    return rows
