"""The table at the end of ``lab up``: what stands where, how to log in, and whether it was proved."""

from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from minetlab import access
from minetlab.access import DescribedLab
from minetlab.cli.verify import Verdicts
from minetlab.errors import LabError
from minetlab.facts.libvirt import LibvirtState
from minetlab.inventory import InventoryHost
from minetlab.model import Lab
from minetlab.sandbox import forward, list_hosts
from minetlab.status import accelerator_of, ask

NOT_THERE = "—"
WIDEST = 1000


def show_lab(inventory_file: Path, verdicts: Verdicts) -> None:
    """Print one line a host, guest and container."""
    described = DescribedLab.of(inventory_file)
    lab = described.lab
    table = Table(title=f"lab {lab.name}", title_justify="left", box=box.SIMPLE_HEAD)
    for column in ("host", "machine", "student", "address", "log in", "accelerator", "verdict"):
        table.add_column(column, no_wrap=True)
    for row in _rows(described):
        table.add_row(*row, verdicts.of(row[1]))
    console = console_for(table)
    console.print(table)
    for url in sites(lab):
        console.print(f"TP site, for students and their instructor: {url} (their passwords: ./lab cards)")
    if verdicts.green:
        console.print("[green]Every machine shows what it should.[/] Take the lab down with: ./lab down")
        console.print("What the course claims of it, every sheet typed and every cost measured: ./lab report")
    else:
        console.print("[red]Not everything was proved:[/] see above; ./lab verify checks again.")


def console_for(table: Table) -> Console:
    """A console as wide as the table: its names and commands are to be copied, so nothing is cut."""
    console = Console()
    console.width = max(
        console.width, console.measure(table, options=console.options.update(width=WIDEST)).maximum
    )
    return console


def sites(lab: Lab) -> list[str]:
    """The URLs of the TP site; that of a sandbox host leads there from this machine, and only from it."""
    urls = []
    for host in lab.container_hosts:
        address, port = host.address, host.settings.portal_port
        if port and host.in_sandbox:
            try:
                address, port = "127.0.0.1", forward(access.alias_of(host.name), port)
            except LabError:  # it does not run, which the deploy has said
                continue
        if port:
            urls.append(f"http://{address}:{port}/")
    return urls


def _rows(described: DescribedLab) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    lab, plan = described.lab, described.plan
    hosts = {host.name: host for host in described.hosts}
    sandbox = {f"{access.SANDBOX}{host.name}": host.accelerator or NOT_THERE for host in list_hosts()}
    names = {host.name for host in lab.kvm_hosts} | {host.name for host in lab.container_hosts}
    for name in sorted(names):
        alias = access.alias_of(name)
        rows.append((alias, alias, "", "", f"./lab ssh {alias}", sandbox.get(name, "")))
        guests = plan.guests_on(name)
        types = accelerators(lab, described.ssh_config, hosts[name]) if guests else {}
        for guest in guests:
            login = f"./lab ssh {guest.name}"
            accelerator = types.get(guest.name, NOT_THERE)
            rows.append((alias, guest.name, guest.student.name, str(guest.address.ip), login, accelerator))
        for container in plan.containers_on(name):
            login = f"./lab ssh {container.name}"
            rows.append((alias, container.name, container.student.name, "", login, ""))
    return rows


def accelerators(lab: Lab, config: Path, host: InventoryHost) -> dict[str, str]:
    """That of each of the lab's running guests on a host, by name; empty where the host does not answer."""
    observed = ask(LibvirtState(), host, config, lab=lab.name)
    domains = observed.domains_of(lab.name) if observed else ()
    return {domain.name: accelerator_of(domain) for domain in domains if domain.active}
