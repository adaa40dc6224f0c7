"""Operations on a KVM host's libvirt: its services, the lab's pool and network, and their removal."""

import shlex
from collections.abc import Iterable, Mapping, Sequence

from pyinfra import logger
from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.operation import operation
from pyinfra.context import host, state
from pyinfra.operations.util.files import generate_color_diff

from minetlab.facts.libvirt import SERVICES, VIRSH, Files
from minetlab.lab import GuestNetwork
from minetlab.operations import observe, specs
from minetlab.operations.commands import Commands, announces, failure
from minetlab.operations.shell import all_of, install_text, virsh, virsh_side_by_side
from minetlab.plan import Guest
from minetlab.resources.layout import ROOT, Layout
from minetlab.resources.libvirt import Domain, LibvirtObserved, Pool
from minetlab.resources.network import NetworkChanges, NetworkSpec, ReservationUpdate, compare
from minetlab.util.errors import LabError


@operation()
def services(lab: str) -> Commands:
    """Have libvirtd answer, now and after a reboot."""
    missing = [unit for unit in SERVICES if unit not in observe.libvirt(lab).services]
    if missing:
        yield from observe.changing([StringCommand("systemctl enable --now", *missing)])
    else:
        host.noop("libvirtd is enabled and answers")


@operation()
def pool(lab: str) -> Commands:
    """Have the lab's pool, up now and after a reboot, in a folder that says whose it is."""
    observed = observe.libvirt(lab)
    layout = Layout(lab)
    there = observed.pools.get(lab)
    if problem := observe.silence(observed) or _pool_clash(observed, layout):
        yield failure(problem)
        return
    commands = []
    if observed.owner != lab:
        commands.append(_make_folders(layout))
    if there is None:
        path = layout.spec("pool", lab)
        commands.append(all_of(install_text(specs.pool_xml(lab), path), virsh("pool-define", path)))
    if there is None or not there.active:
        commands.append(virsh("pool-start", lab))
    if there is None or not there.autostart:
        commands.append(virsh("pool-autostart", lab))
    if not commands:
        host.noop("the pool is there")
    yield from observe.changing(commands)


@operation()
def network(lab: str, network: GuestNetwork, guests: tuple[Guest, ...]) -> Commands:
    """Have the lab's network, with a reservation for each of these guests.

    Reservations change while it is up. Anything else needs it to go down for a moment: where guests run, a
    warning says so, and their interfaces are plugged in again.
    """
    observed = observe.libvirt(lab)
    if problem := observe.silence(observed):
        yield failure(problem)
        return
    spec = specs.network_spec(lab, network, guests)
    used = any(domain.active for domain in observed.domains.values())
    changes = compare(lab, spec, observed.networks.get(lab), used=used)
    if changes.foreign:
        yield failure(
            LabError(
                f"{host.name}: a libvirt network {lab!r} is there that is not the lab's",
                next_step=f"remove it (virsh net-undefine {lab}), or give the lab another lab_name",
            )
        )
        return
    if changes.define:
        show_diff({Layout(lab).spec("network", lab): spec.xml})
    if changes.restart and used and announces():
        host.log_styled("the network goes down for a moment", log_func=logger.warning, fg="yellow")
    if changes.none:
        host.noop("the network is up, with its reservations")
    yield from observe.changing(_converge_network(spec, changes))


@operation()
def teardown(lab: str) -> Commands:
    """Remove every domain, volume, pool, network and file of the lab from the host, and nothing else."""
    observed = observe.libvirt(lab)
    if observed.installed and (problem := observe.silence(observed)):
        yield failure(problem)
        return
    commands = [
        *remove_domains(lab, observed.domains_of(lab), {}),
        *_remove_network(lab, observed),
        *_remove_files(lab, observed),
    ]
    if not commands:
        host.noop("nothing of the lab is there")
    yield from observe.changing(commands)


def show_diff(desired: dict[str, str]) -> None:
    """Under ``--diff``, show how these specs differ from those that were defined last.

    :param desired: XML by the path where it is kept.
    """
    if not (state.config.DIFF and announces() and desired):
        return
    kept = host.get_fact(Files, paths=tuple(desired))
    for path, xml in desired.items():
        host.log(
            f"{path.rpartition('/')[2]} changes:" if path in kept else f"{path.rpartition('/')[2]} is new"
        )
        if path in kept:
            for line in generate_color_diff(kept[path].splitlines(), xml.splitlines()):
                host.log(line)


def _pool_clash(observed: LibvirtObserved, layout: Layout) -> LabError | None:
    there = observed.pools.get(layout.lab, Pool(layout.lab, layout.disks))
    if there.path != layout.disks:
        return LabError(
            f"{host.name}: a pool {layout.lab!r} is there that is not the lab's: {there.path}",
            next_step=f"remove it (virsh pool-undefine {layout.lab}), or give the lab another lab_name",
        )
    return None


def _make_folders(layout: Layout) -> StringCommand:
    # Searchable by the user that QEMU runs as, readable by root only. The label comes last: it says "whole".
    folders = (ROOT, layout.folder, layout.disks, layout.consoles)
    return all_of(
        StringCommand("install --directory --mode=0711", *map(QuoteString, folders)),
        StringCommand("install --directory --mode=0700", QuoteString(layout.specs)),
        install_text(f"{layout.lab}\n", layout.label),
    )


def _converge_network(spec: NetworkSpec, changes: NetworkChanges) -> Commands:
    name = spec.name
    path = Layout(name).spec("network", name)
    if changes.define:
        yield all_of(install_text(spec.xml, path), virsh("net-define", path))
    if changes.start:
        # By one command, which a killed run does not leave half-way; and also where an earlier run did.
        down = [virsh("net-destroy", name)] if changes.restart else []
        yield all_of(*down, virsh("net-start", name), _plug_in_again(name))
    if changes.autostart:
        yield virsh("net-autostart", name)
    if changes.updates:
        yield all_of(*(_update(name, update) for update in changes.updates))
        yield install_text(spec.xml, path)


def _update(network: str, update: ReservationUpdate) -> StringCommand:
    each = update.reservation
    xml = f"<host mac='{each.mac}' name='{each.name}' ip='{each.address}'/>"
    # add-last is the word for add; nothing else in the network stops meanwhile.
    words = ("add-last" if update.command == "add" else update.command, "ip-dhcp-host", xml)
    return virsh("net-update", network, *words, "--live", "--config")


def _plug_in_again(network: str) -> StringCommand:
    # libvirt takes running guests off a bridge that goes, and does not put them back on the next.
    bridge = f"$(LC_ALL=C {VIRSH} net-info {network} | awk '/^Bridge:/ {{ print $2 }}')"
    taps = f'{VIRSH} domiflist "$domain" | awk \'$3 == "{network}" && $1 != "-" {{ print $1 }}\''
    return StringCommand(
        f'{{ bridge="{bridge}"; for domain in $({VIRSH} list --uuid); do for tap in $({taps}); do '
        'ip link set "$tap" master "$bridge" || exit 1; done; done; }'
    )


def remove_domains(lab: str, domains: Iterable[Domain], volumes: Mapping[str, Sequence[str]]) -> Commands:
    """Remove domains side by side, with these volumes of the lab's, and what libvirt keeps of them beside.

    :param volumes: by the names of guests, which need not have a domain any more.
    """
    steps = {domain.name: _domain_removal(domain) for domain in domains}
    for guest, names in volumes.items():
        steps[guest] = [*steps.get(guest, ()), *(("vol-delete", name, "--pool", lab) for name in names)]
    if steps:
        yield virsh_side_by_side(steps.values())
        # QEMU's own logs, which libvirt keeps for ever; a digit is appended when one is rotated.
        logs = (f"/var/log/libvirt/qemu/{shlex.quote(name)}.log*" for name in steps)
        yield StringCommand("rm -f", *logs)


def _domain_removal(domain: Domain) -> list[tuple[str, ...]]:
    kept = ("--managed-save", "--snapshots-metadata", "--checkpoints-metadata", "--nvram")
    destroy = [("destroy", domain.uuid)] if domain.active else []
    return [*destroy, ("undefine", *kept, domain.uuid)]


def _remove_network(lab: str, observed: LibvirtObserved) -> Commands:
    network = observed.networks.get(lab)
    if not network or not network.label or network.label.lab != lab:
        return
    if network.active:
        yield virsh("net-destroy", lab)
    yield virsh("net-undefine", lab)
    leftovers = (f"/var/lib/libvirt/dnsmasq/{name}" for name in (lab, Layout(lab).bridge))
    yield StringCommand(
        "rm -f", *(f"{name}.{end}" for name in leftovers for end in ("leases", "status", "macs"))
    )


def _remove_files(lab: str, observed: LibvirtObserved) -> Commands:
    layout = Layout(lab)
    pool = observed.pools.get(lab)
    if pool and pool.path == layout.disks:
        if pool.active:
            yield virsh("pool-destroy", lab)
        yield virsh("pool-undefine", lab)
    if observed.files:
        yield all_of(
            StringCommand("rm -rf", *map(QuoteString, observed.files)),
            StringCommand(f"if [ -d {ROOT} ]; then rmdir --ignore-fail-on-non-empty {ROOT}; fi"),
        )
