"""Operations on a KVM host's libvirt: its services, the lab's pool and network, and their removal."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pyinfra.api.command import PyinfraCommand, QuoteString, StringCommand
from pyinfra.context import host, state

from minetlab.facts.libvirt import SERVICES, VIRSH, Files
from minetlab.lab import GuestNetwork
from minetlab.operations import observe, specs
from minetlab.operations.commands import first_pass, lab_operation, show_diff, warn
from minetlab.operations.shell import all_of, install_text, install_units, virsh, virsh_side_by_side
from minetlab.plan import Guest
from minetlab.resources.layout import LABS_FOLDER, Layout
from minetlab.resources.libvirt import SOCKET_UNITS, Domain, LibvirtObserved, socket_file
from minetlab.resources.network import NetworkChanges, NetworkSpec, ReservationUpdate, compare
from minetlab.util.errors import LabError
from minetlab.util.render import render


@lab_operation
def services(lab: str) -> Iterator[PyinfraCommand]:
    """Have libvirtd run, now and after a reboot."""
    missing = [unit for unit in SERVICES if unit not in observe.libvirt(lab).services]
    commands = [StringCommand("systemctl enable --now", *missing)] if missing else []
    yield from observe.changing(commands, otherwise="libvirtd runs, and is enabled")


@lab_operation
def sockets(lab: str) -> Iterator[PyinfraCommand]:
    """Have libvirt's sockets refuse all but root and the group libvirt, now and after a reboot.

    The sockets of a libvirtd that runs are changed where they are, so that it need not be restarted.

    :param lab: the lab's name.
    :yields: the commands.
    """
    observed = observe.libvirt(lab)
    desired = render("libvirt/socket.conf.j2")
    commands = []
    if observed.socket_units != tuple(desired.splitlines()) * len(SOCKET_UNITS):
        commands.append(install_units({socket_file(unit): desired for unit in SOCKET_UNITS}))
    if observed.open_sockets:
        paths = [QuoteString(path) for path in sorted(observed.open_sockets)]
        commands.append(all_of(StringCommand("chgrp libvirt", *paths), StringCommand("chmod 0660", *paths)))
    yield from observe.changing(commands, otherwise="libvirt's sockets refuse other accounts")


@lab_operation
def pool(lab: str) -> Iterator[PyinfraCommand]:
    """Have the lab's pool, active now and after a reboot, in a folder labelled with the lab's name."""
    observed = observe.libvirt(lab)
    layout = Layout(lab)
    present = observed.pools.get(lab)
    observe.require_answer(observed)
    if present and present.path != layout.disks:
        raise LabError(
            f"{host.name}: a pool {lab!r} is there that is not the lab's: {present.path}",
            next_step=f"remove it (virsh pool-undefine {lab}), or give the lab another lab_name",
        )
    commands = []
    if observed.owner != lab:
        commands.append(_make_folders(layout))
    if present is None:
        path = layout.spec("pool", lab)
        commands.append(all_of(install_text(specs.pool_xml(lab), path), virsh("pool-define", path)))
    if present is None or not present.active:
        commands.append(virsh("pool-start", lab))
    if present is None or not present.autostart:
        commands.append(virsh("pool-autostart", lab))
    yield from observe.changing(commands, otherwise="the pool is there")


@lab_operation
def network(lab: str, network: GuestNetwork, guests: tuple[Guest, ...]) -> Iterator[PyinfraCommand]:
    """Have the lab's network, with an address reserved for each guest.

    Reservations can change while the network is up. For other changes it goes down for a moment: if guests
    run, a warning says so, and their interfaces are connected to the network again.

    :param lab: the lab's name.
    :param network: settings of the network.
    :param guests: the planned guests of the host.
    :yields: the commands.
    """
    observed = observe.libvirt(lab)
    observe.require_answer(observed)
    spec = specs.network_spec(lab, network, guests)
    used = any(domain.active for domain in observed.domains.values())
    changes = compare(lab, spec, observed.networks.get(lab), used=used)
    if changes.foreign:
        raise LabError(
            f"{host.name}: a libvirt network {lab!r} is there that is not the lab's",
            next_step=f"remove it (virsh net-undefine {lab}), or give the lab another lab_name",
        )
    if changes.define:
        show_xml_diff({Layout(lab).spec("network", lab): spec.xml})
    if changes.restart and used and first_pass():
        warn("the network goes down for a moment")
    commands = _converge_network(spec, changes)
    yield from observe.changing(commands, otherwise="the network is up, with its reservations")


@lab_operation
def teardown(lab: str) -> Iterator[PyinfraCommand]:
    """Remove every domain, volume, pool, network and file of the lab from the host, and nothing else."""
    observed = observe.libvirt(lab)
    observe.refuse_silence(observed)
    commands = [
        *remove_domains(lab, observed.domains_of(lab), {}),
        *_remove_network(lab, observed),
        *_remove_files(lab, observed),
    ]
    yield from observe.changing(commands, otherwise="nothing of the lab is there")


def show_xml_diff(desired: dict[str, str]) -> None:
    """Show, with ``--diff``, how XML differs from what was defined last.

    :param desired: XML to define, by the path on the host where it is kept.
    """
    if not (state.config.DIFF and first_pass() and desired):
        return
    kept = observe.fact(Files, paths=tuple(desired))
    for path, xml in desired.items():
        name = path.rpartition("/")[2]
        if path in kept:
            show_diff(name, kept[path], xml)
        else:
            host.log(f"{name} is new")


def _make_folders(layout: Layout) -> StringCommand:
    # Mode 0711 lets QEMU's user enter folders, but not list them. The label is last: then all folders exist.
    folders = (LABS_FOLDER, layout.folder, layout.disks, layout.consoles)
    return all_of(
        StringCommand("install --directory --mode=0711", *map(QuoteString, folders)),
        StringCommand("install --directory --mode=0700", QuoteString(layout.specs)),
        install_text(f"{layout.lab}\n", layout.label),
    )


def _converge_network(spec: NetworkSpec, changes: NetworkChanges) -> Iterator[PyinfraCommand]:
    name = spec.name
    path = Layout(name).spec("network", name)
    if changes.define:
        yield all_of(install_text(spec.xml, path), virsh("net-define", path))
    if changes.start:
        # In one command, so that a killed run does not stop halfway. Interfaces are connected at each start,
        # as an earlier run may have been killed before it did so.
        down = [virsh("net-destroy", name)] if changes.restart else []
        yield all_of(*down, virsh("net-start", name), _reconnect_interfaces(name))
    if changes.autostart:
        yield virsh("net-autostart", name)
    if changes.updates:
        yield all_of(*(_update(name, update) for update in changes.updates))
        yield install_text(spec.xml, path)


def _update(network: str, update: ReservationUpdate) -> StringCommand:
    reservation = update.reservation
    xml = f"<host mac='{reservation.mac}' name='{reservation.name}' ip='{reservation.address}'/>"
    words = ("add-last" if update.command == "add" else update.command, "ip-dhcp-host", xml)
    return virsh("net-update", network, *words, "--live", "--config")


def _reconnect_interfaces(network: str) -> StringCommand:
    # libvirt takes running guests off a bridge that it removes, and does not put them on the new one.
    bridge = f"$(LC_ALL=C {VIRSH} net-info {network} | awk '/^Bridge:/ {{ print $2 }}')"
    taps = f'{VIRSH} domiflist "$domain" | awk \'$3 == "{network}" && $1 != "-" {{ print $1 }}\''
    return StringCommand(
        f'{{ bridge="{bridge}"; for domain in $({VIRSH} list --uuid); do for tap in $({taps}); do '
        'ip link set "$tap" master "$bridge" && bridge link set dev "$tap" isolated on || exit 1; '
        "done; done; }"
    )


def remove_domains(
    lab: str, domains: Iterable[Domain], volumes: Mapping[str, Sequence[str]]
) -> Iterator[PyinfraCommand]:
    """Remove domains with QEMU's logs, and volumes by guest; a guest may have volumes but no domain."""
    steps = {domain.name: _domain_removal(domain) for domain in domains}
    for guest, names in volumes.items():
        steps[guest] = [*steps.get(guest, ()), *(("vol-delete", name, "--pool", lab) for name in names)]
    if steps:
        yield virsh_side_by_side(steps.values())
        # libvirt never deletes QEMU's logs, and appends a digit when it rotates one.
        logs = (f"/var/log/libvirt/qemu/{shlex.quote(name)}.log*" for name in steps)
        yield StringCommand("rm -f", *logs)


def _domain_removal(domain: Domain) -> list[tuple[str, ...]]:
    removed_too = ("--managed-save", "--snapshots-metadata", "--checkpoints-metadata", "--nvram")
    destroy = [("destroy", domain.uuid)] if domain.active else []
    return [*destroy, ("undefine", *removed_too, domain.uuid)]


def _remove_network(lab: str, observed: LibvirtObserved) -> Iterator[PyinfraCommand]:
    network = observed.networks.get(lab)
    if not network or network.label.lab != lab:
        return
    if network.active:
        yield virsh("net-destroy", lab)
    yield virsh("net-undefine", lab)
    leftovers = (f"/var/lib/libvirt/dnsmasq/{name}" for name in (lab, Layout(lab).bridge))
    yield StringCommand(
        "rm -f", *(f"{name}.{end}" for name in leftovers for end in ("leases", "status", "macs"))
    )


def _remove_files(lab: str, observed: LibvirtObserved) -> Iterator[PyinfraCommand]:
    layout = Layout(lab)
    pool = observed.pools.get(lab)
    if pool and pool.path == layout.disks:
        if pool.active:
            yield virsh("pool-destroy", lab)
        yield virsh("pool-undefine", lab)
    if observed.files:
        yield all_of(
            StringCommand("rm -rf", *map(QuoteString, observed.files)),
            StringCommand(
                f"if [ -d {LABS_FOLDER} ]; then rmdir --ignore-fail-on-non-empty {LABS_FOLDER}; fi"
            ),
        )
