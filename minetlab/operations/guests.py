"""Operations on guests: their disks, seeds and domains, and the wait until they are up."""

import shlex
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.context import host, state

from minetlab.facts.kvm import IdleProcessors
from minetlab.lab import GuestNetwork, KvmHostSettings
from minetlab.operations import observe, specs
from minetlab.operations.commands import attempt, call, first_pass, lab_operation, none_failed, warn
from minetlab.operations.guest_waits import shut_down, start_in_turn, wait_for_ssh
from minetlab.operations.kvm import unavailable
from minetlab.operations.libvirt import show_xml_diff
from minetlab.operations.shell import install_private_files, virsh, virsh_side_by_side
from minetlab.plan import Guest
from minetlab.resources.boots import Boots, boot_limit, boots_at_once
from minetlab.resources.guests import GUESTS_RUN_OFF, GuestChanges, compare
from minetlab.resources.kvm import KvmObserved
from minetlab.resources.layout import LIBVIRT_IMAGES, Layout, overlay
from minetlab.resources.libvirt import LibvirtObserved
from minetlab.tp import guest_image
from minetlab.util.errors import LabError
from minetlab.util.names import named


@lab_operation
def run(
    lab: str,
    settings: KvmHostSettings,
    guests: tuple[Guest, ...],
    require_kvm: bool,
    neighbours: tuple[Guest, ...] = (),
) -> Iterator[PyinfraCommand]:
    """Have guests as specified, and start those that shall run.

    Only as many guests boot at once as the host can carry: the next one starts when another answers SSH. The
    last ones may still boot when the operation ends: see :func:`wait`.

    A guest that need not run is only defined; if it runs, it is left running. A running guest whose spec has
    changed is shut down and started again, and keeps its disk. Other guests of the lab, and disks that are
    based on another image, are named in a warning and left alone.

    :param lab: the lab's name.
    :param settings: the host's settings.
    :param guests: the guests.
    :param require_kvm: whether to fail if the host has no hardware virtualization, so that it would emulate.
    :param neighbours: guests that are planned too, but neither changed nor warned of.
    :yields: the commands.
    """
    observed, kvm = observe.libvirt(lab), observe.kvm(lab)
    base = guest_image.volume(settings.guest_image, settings.guest_tps)
    feature = kvm.feature if kvm.works else None
    desired = [specs.guest_spec(lab, guest, settings, base, feature) for guest in guests]
    changes = compare(lab, desired, observed, (guest.name for guest in neighbours), base)
    observe.require_answer(observed)
    if observed.answers:  # while operations are only prepared, libvirt may not be installed yet
        _require_possible(changes, observed, kvm, require_kvm)
    if state.is_executing and not kvm.works:
        warn("no hardware virtualization here: guests are emulated (domain type qemu), and cannot nest")
    if first_pass():
        _announce(changes)
    show_xml_diff({Layout(lab).spec("domain", spec.name): spec.xml for spec in changes.define})
    guests_by_name = {guest.name: guest for guest in guests}
    seed_files = {
        f"disks/{spec.seed}": specs.seed(lab, guests_by_name[spec.name], settings.guest_network).iso()
        for spec in changes.seeds
    }
    boots = _boots(settings, guests_by_name, changes, kvm)
    commands = _converge(Layout(lab), changes, seed_files, boots)
    yield from observe.changing(commands, otherwise="every guest is as specified")


@lab_operation
def seeds(lab: str, network: GuestNetwork, guests: tuple[Guest, ...]) -> Iterator[PyinfraCommand]:
    """Replace the content of guests' seeds, so that they have the present keys when guests get new disks.

    Running guests notice nothing: they have read their seeds.

    :param lab: the lab's name.
    :param network: the network of the host's guests.
    :param guests: the guests; those without a seed on the host are skipped.
    :yields: the command.
    """
    observed = observe.libvirt(lab)
    observe.refuse_silence(observed)
    volumes = {guest: specs.seed_volume(lab, guest, network) for guest in guests}
    files = {
        f"disks/{volume}": specs.seed(lab, guest, network).iso()
        for guest, volume in volumes.items()
        if volume in observed.volumes
    }
    if not files:
        host.noop("none of these guests is there")
        return
    yield install_private_files(files, Layout(lab).folder)


@lab_operation
def wait(lab: str, guests: tuple[Guest, ...]) -> Iterator[PyinfraCommand]:
    """Wait until guests that were started in this run answer SSH; warn of those that shall run and do not."""
    addresses = {str(guest.address.ip): guest.name for guest in guests if guest.to_run}
    if addresses and state.is_executing:
        wait_for_ssh(observe.this_host(), lab, addresses)
    host.noop("every guest that is to run has had its time to boot")
    yield from ()


def _boots(
    settings: KvmHostSettings, guests: Mapping[str, Guest], changes: GuestChanges, kvm: KvmObserved
) -> Boots:
    starting = {spec.name: str(guests[spec.name].address.ip) for spec in changes.start}
    at_once = settings.boots_at_once or _boots_at_once(kvm, starting)
    return Boots(starting, at_once, boot_limit(kvm))


def _boots_at_once(kvm: KvmObserved, starting: Collection[str]) -> int:
    # The fact takes a moment, so it is read only if several guests start.
    if kvm.emulated or len(starting) < 2 or not state.is_executing:  # noqa: PLR2004 (nobody waits for one)
        return 1
    return boots_at_once(kvm, observe.fact(IdleProcessors))


def _require_possible(
    changes: GuestChanges, observed: LibvirtObserved, kvm: KvmObserved, require_kvm: bool
) -> None:
    """Raise an error if the changes cannot be made."""
    if require_kvm and not kvm.works:
        raise unavailable(kvm)
    if changes.foreign:
        raise LabError(
            f"{host.name}: domains of somebody else have these names: {named(changes.foreign)}",
            next_step="rename or remove them (virsh domrename, virsh undefine)",
        )
    if changes.clashes:
        pairs = named(f"{new} (of {old})" for new, old in changes.clashes)
        raise LabError(
            f"{host.name}: guests would get addresses that guests no longer planned still have: {pairs}",
            next_step=_removal(old for _, old in changes.clashes),
        )
    _require_room(changes, observed)


def _require_room(changes: GuestChanges, observed: LibvirtObserved) -> None:
    if changes.memory > observed.memory:
        raise LabError(
            f"{host.name}: {len(changes.start)} guests need {changes.memory} MiB of memory, "
            f"{observed.memory} MiB are available",
            next_step="lower guest.memory in inventories/group_data/kvm_hosts.py, or add a host to kvm_hosts",
        )
    if changes.room > observed.disk:
        raise LabError(
            f"{host.name}: the disks of {len(changes.overlays)} guests need {changes.room} MiB at first, "
            f"{observed.disk} MiB are free in {LIBVIRT_IMAGES}",
            next_step=f"free some disk on {host.name}, or add a host to kvm_hosts",
        )


def _converge(
    layout: Layout, changes: GuestChanges, seed_files: dict[str, bytes], boots: Boots
) -> Iterator[PyinfraCommand]:
    """Make the changes to all guests side by side; if one fails, the others are started all the same."""
    failures: list[str] = []
    files = seed_files | {f"specs/domain-{spec.name}.xml": spec.xml.encode() for spec in changes.define}
    if files:
        yield install_private_files(files, layout.folder)
    if changes.seeds:
        yield virsh("pool-refresh", layout.lab)
    if changes.shut_down:
        yield call(shut_down, [spec.name for spec in changes.shut_down], failures)
    steps = _steps(layout, changes)
    commands_by_guest = list(steps.values())
    # The first guest alone: libxml2 initializes its validation during the first definition, and fails if two
    # definitions come at once ("Error type 'string' is not exported by type library").
    for group in (commands_by_guest[:1], commands_by_guest[1:]):
        if group:
            yield call(attempt, virsh_side_by_side(group), failures)
    if changes.start:
        yield _set_consoles_aside(layout, boots.addresses)
        yield call(start_in_turn, layout.lab, boots, failures)
    if steps or changes.start:
        # Fail before volumes are deleted: a guest whose new definition failed still uses its old volumes.
        yield call(none_failed, failures)
    for volume in changes.discard:
        yield virsh("vol-delete", volume, "--pool", layout.lab)


def _set_consoles_aside(layout: Layout, guests: Iterable[str]) -> StringCommand:
    """Return a command that renames console logs of guests, so that the next boot begins new ones."""
    pairs = (shlex.join((layout.console(guest), layout.former_console(guest))) for guest in guests)
    moves = "; ".join(f"set_aside {pair}" for pair in pairs)
    return StringCommand(f'set_aside() {{ [ ! -e "$1" ] || mv -f "$1" "$2"; }}; {moves}')


def _steps(layout: Layout, changes: GuestChanges) -> dict[str, list[tuple[str, ...]]]:
    """Return, by guest, the virsh commands that precede its start, in their order."""
    steps: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    pool = ("--pool", layout.lab)
    for spec in changes.overlays:
        size = ("--capacity", str(spec.disk), "--format", "qcow2")
        backing = ("--backing-vol", layout.disk(spec.base), "--backing-vol-format", "qcow2")
        steps[spec.name].append(("vol-create-as", layout.lab, overlay(spec.name), *size, *backing))
    for spec in changes.grow:
        steps[spec.name].append(("vol-resize", overlay(spec.name), str(spec.disk), *pool))
    for spec in changes.define:
        steps[spec.name].append(("define", "--validate", layout.spec("domain", spec.name)))
    for spec in changes.autostart:
        steps[spec.name].append(("autostart", spec.name))
    for spec in changes.no_autostart:
        steps[spec.name].append(("autostart", "--disable", spec.name))
    return steps


def _announce(changes: GuestChanges) -> None:
    if changes.shut_down:
        names = named(spec.name for spec in changes.shut_down)
        warn(f"shut down and started anew, as their spec changed: {names}")
    if changes.unplanned:
        warn(f"not in the roster, so not touched\n  → {_removal(changes.unplanned)}")
    if changes.outdated:
        warn(
            "guests stay on an older guest image, as their disks hold work\n"
            f"  → {_removal(changes.outdated)}; then deploy again"
        )
    if changes.running:
        warn(
            f"left running, as they may hold work, though {GUESTS_RUN_OFF}: {named(changes.running)}\n"
            f"  → on {host.name}, to stop one: virsh shutdown {changes.running[0]}"
        )
    if changes.larger:
        warn(f"their disks stay larger than guest.disk: {named(changes.larger)}")


def _removal(names: Iterable[str]) -> str:
    prefix = f"on {host.name}, to remove one with its disk: virsh destroy NAME;"
    options = "--nvram --managed-save --snapshots-metadata --remove-all-storage"
    return f"{prefix} virsh undefine {options} NAME (NAME: {named(names)})"
