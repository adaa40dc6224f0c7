"""``lab up``: deploy the lab, verify it, and show a table of its machines."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from rich.text import Text

from minetlab.checks import verify
from minetlab.checks.verify import Verdicts
from minetlab.cli import check, deploy, up_checkpoint
from minetlab.cli.options import lab_command
from minetlab.cli.refresh import refresh_images
from minetlab.cli.tables import console_for, table_of
from minetlab.cli.terminal import console
from minetlab.images.editions import forget_editions
from minetlab.inventory.hosts import SANDBOX_PREFIX
from minetlab.inventory.load import LoadedLab, load
from minetlab.lab import Lab
from minetlab.machines.status import RUNNING, MachineState, states
from minetlab.plan import Guest
from minetlab.resources.site import site_url
from minetlab.sandbox import list_hosts
from minetlab.sandbox.machine import SandboxHost
from minetlab.ssh.ssh_config import alias_of, write_config
from minetlab.util.errors import LabError
from minetlab.util.names import named

NO_ACCELERATOR = "—"
"""The table's cell for a machine that does not run."""


def bring_up(inventory_file: Path, *, refresh: bool = False) -> bool:
    """Check the hosts, deploy and verify the lab, and show its machines.

    If none of the lab's sandbox hosts exists, they are restored from the checkpoint of an earlier call, or
    made anew and saved as a checkpoint.

    :param inventory_file: the inventory of the lab.
    :param refresh: build those images anew first for which Debian's mirror has newer packages.
    :return: whether the deploy and the verification succeeded.
    :raises LabError: the lab cannot be deployed; nothing has been touched then.
    """
    to_build = check.require(inventory_file).to_build
    if refresh:
        refresh_images(inventory_file)
    is_absent = up_checkpoint.is_absent(inventory_file)
    is_restored = is_absent and up_checkpoint.come_back(inventory_file)
    if not is_restored:
        # What a host lacks and this machine does not have either is built of the mirror's present packages.
        # All hosts get that image, as those of a lab have the same.
        forget_editions(to_build)
    deployed = deploy.run(inventory_file, "deploys/all.py")
    verdicts = verify.run(inventory_file)
    show_lab(inventory_file, verdicts)
    succeeded = deployed and verdicts.green
    if succeeded and is_absent and not is_restored:
        up_checkpoint.keep(inventory_file)
    return succeeded


def show_lab(inventory_file: Path, verdicts: Verdicts) -> None:
    """Print a table with a line for each host, guest and container, and what to do next."""
    loaded = load(inventory_file)
    lab = loaded.lab
    columns = ("host", "machine", "student", "address", "log in", "accelerator", "verdict")
    table = table_of(*columns, title=f"lab {lab.name}", title_justify="left")
    machines = states(lab, loaded.plan, loaded.hosts, write_config(loaded))
    planned = {machine.name: machine for machine in machines if machine.planned}
    kept_off = {name for name, machine in planned.items() if machine.kept_off}
    for row in _rows(loaded, planned, partial(lab_command, inventory_file, "ssh")):
        name = row[1]
        off = name in kept_off and name not in verdicts.failed
        not_started = Text("defined, not started", style="yellow")
        table.add_row(*row, not_started if off else verdicts.summary_of(name))
    console_for(table).print(table)
    show = console(soft_wrap=True).print
    for url in sites(lab):
        cards = lab_command(inventory_file, "cards")
        show(f"TP site, for students and their instructor: {url} (their passwords: {cards})")
    # Of a host that does not answer, nothing is known of its guests.
    missing = [
        guest
        for guest in loaded.plan.guests
        if guest.name in verdicts.unreachable and alias_of(guest.host) not in verdicts.unreachable
    ]
    _show_verdict(show, verdicts, missing, len(kept_off), partial(lab_command, inventory_file))


def _show_verdict(
    show: Callable[[str | Text], None],
    verdicts: Verdicts,
    missing: Sequence[Guest],
    kept_off: int,
    command: Callable[..., str],
) -> None:
    if not verdicts.green:
        again = f" (see above). Run them again with: {command('verify')}"
        show(Text.assemble(("Some checks failed", "red"), again))
        if missing:
            login = missing[0].student.login
            what_to_do = (
                f" {named(guest.name for guest in missing)}. Look at one with: {command('console', login)}; "
                f"make it anew, which loses what is in it: {command('reset', login)}"
            )
            show(Text.assemble(("Guests that do not answer:", "red"), what_to_do))
        return
    machines = "Every machine that runs" if kept_off else "Every machine"
    down = f" Take the lab down with: {command('down')}"
    show(Text.assemble((f"{machines} shows what it should.", "green"), down))
    if kept_off:
        run = f" To have them run: guests_run = True, then {command('up')}"
        show(Text.assemble((f"Guests that are defined, not started: {kept_off}.", "yellow"), run))
    show(f"For the full report (all claims, sheets and measurements), run: {command('report')}")


def sites(lab: Lab) -> list[str]:
    """Return the URLs of the TP site on each host; those of sandbox hosts work only on this machine."""
    urls = []
    for host in lab.site_hosts:
        address, port = host.address, host.settings.site_port or 0
        if host.in_sandbox:
            try:
                address, port = "127.0.0.1", SandboxHost(alias_of(host.name)).forward(port)
            except LabError:  # it does not run, which the deploy has reported
                continue
        urls.append(site_url(address, port))
    return urls


def _rows(
    loaded: LoadedLab, machines: Mapping[str, MachineState], ssh: Callable[[str], str]
) -> Iterator[tuple[str, ...]]:
    """Yield the table's rows without the last column, each host before its guests and containers.

    :param loaded: the lab.
    :param machines: the states of all guests and containers of the plan, by name.
    :param ssh: makes the command that logs into a machine.
    :yields: the rows.
    """
    lab, plan = loaded.lab, loaded.plan
    accelerators = {
        f"{SANDBOX_PREFIX}{host.name}": host.record.accelerator.name if host.record else NO_ACCELERATOR
        for host in list_hosts()
    }
    hosts = {host.name for host in lab.kvm_hosts} | {host.name for host in lab.container_hosts}
    for host in sorted(hosts):
        alias = alias_of(host)
        yield alias, alias, "", "", ssh(alias), accelerators.get(host, "")
        for guest in plan.guests_on(host):
            login, state = ssh(guest.name), machines[guest.name]
            accelerator = state.accelerator if state.state == RUNNING else NO_ACCELERATOR
            yield alias, guest.name, guest.student.name, str(guest.address.ip), login, accelerator
        for container in plan.containers_on(host):
            yield alias, container.name, container.student.name, "", ssh(container.name), ""
