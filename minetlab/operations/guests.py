"""Operations on guests: their disks, seeds and domains, and the wait until they are up."""

import shlex
from collections import defaultdict
from collections.abc import Collection, Iterable

from pyinfra import logger
from pyinfra.api.command import FunctionCommand, StringCommand
from pyinfra.api.operation import operation
from pyinfra.context import host, state

from minetlab.facts.kvm import IdleProcessors
from minetlab.facts.libvirt import VIRSH
from minetlab.lab import GuestNetwork, KvmHostSettings
from minetlab.operations import observe, specs
from minetlab.operations.commands import Commands, announces, attempt, failure, none_failed
from minetlab.operations.guest_waits import obstacle_to_readiness, start_in_turn, wait_until_off
from minetlab.operations.kvm import unavailable
from minetlab.operations.libvirt import show_diff
from minetlab.operations.shell import received, virsh, virsh_side_by_side
from minetlab.plan import Guest
from minetlab.resources.boots import Boots, boot_limit, boots_at_once
from minetlab.resources.guests import GuestChanges, GuestSpec, compare
from minetlab.resources.guests_run import SETTING
from minetlab.resources.kvm import KvmObserved
from minetlab.resources.layout import IMAGES, Layout, overlay
from minetlab.resources.libvirt import LibvirtObserved
from minetlab.tp import guest_image
from minetlab.util.errors import LabError
from minetlab.util.names import named


@operation()
def run(
    lab: str,
    settings: KvmHostSettings,
    guests: tuple[Guest, ...],
    require_kvm: bool,
    neighbours: tuple[Guest, ...] = (),
) -> Commands:
    """Have these guests there, each as specified, and running where they are to run.

    They are started as many at a time as the host can have boot, the next ones as those before them answer
    SSH; the last of them may still be booting at the end: see :func:`ready`.

    One that is not to run is only defined, and left running if it runs. One that runs and whose spec has
    changed is shut down and started anew; its disk stays. Guests of the lab that are not among these, and
    disks on another base image, are named in a warning and left alone.

    :param require_kvm: whether a host on which guests have to be emulated is an error.
    :param neighbours: guests that are planned as well, and left alone in any case.
    """
    observed, kvm = observe.libvirt(lab), observe.kvm(lab)
    try:
        base = guest_image.volume(settings.guest_image, settings.guest_tps)
    except LabError as error:
        yield failure(error)
        return
    desired = _specs(lab, settings, guests, base, kvm)
    changes = compare(lab, desired, observed, (guest.name for guest in neighbours), base)
    if problem := observe.silence(observed) or _obstacle(changes, observed, kvm, require_kvm):
        yield failure(problem)
        return
    if state.is_executing and not kvm.works:
        _warn("no hardware virtualization here: guests are emulated (domain type qemu), and cannot nest")
    if announces():
        _announce(changes)
    show_diff({Layout(lab).spec("domain", spec.name): spec.xml for spec in changes.define})
    if changes.none:
        host.noop("every guest is as specified")
    missing = {spec.name for spec in changes.seeds}
    images = {
        guest.name: specs.seed(lab, guest, settings.guest_network).iso()
        for guest in guests
        if guest.name in missing
    }
    addresses = {guest.name: str(guest.address.ip) for guest in guests}
    starting = {spec.name: addresses[spec.name] for spec in changes.start}
    boots = Boots(starting, settings.boots_at_once or _boots_at_once(kvm, starting), boot_limit(kvm))
    yield from observe.changing(_converge(Layout(lab), changes, images, boots))


@operation()
def seeds(lab: str, network: GuestNetwork, guests: tuple[Guest, ...]) -> Commands:
    """Write the seeds of these guests anew, with the keys of now, for the day when they get new disks.

    One that runs is left alone: it has read its seed.
    """
    observed = observe.libvirt(lab)
    if observed.installed and (problem := observe.silence(observed)):
        yield failure(problem)
        return
    volumes = {guest: specs.seed_volume(lab, guest, network) for guest in guests}
    there = [guest for guest, volume in volumes.items() if volume in observed.volumes]
    if not there:
        host.noop("none of these guests is there")
        return
    written = {f"disks/{volumes[guest]}": specs.seed(lab, guest, network).iso() for guest in there}
    yield received(written, Layout(lab).folder)


@operation()
def wait(lab: str, guests: tuple[Guest, ...]) -> Commands:
    """Wait until each of these guests that is to run answers SSH; fail with the console of those that do not.

    It changes nothing, however long it waits.
    """
    addresses = {str(guest.address.ip): guest.name for guest in guests if guest.to_run}
    if addresses and state.is_executing:
        obstacle = obstacle_to_readiness(observe.this_host(), lab, addresses)
        if obstacle:
            yield failure(obstacle)
            return
    host.noop("every guest that is to run answers SSH")


def _specs(
    lab: str, settings: KvmHostSettings, guests: tuple[Guest, ...], base: str, kvm: KvmObserved
) -> tuple[GuestSpec, ...]:
    feature = kvm.feature if kvm.works else None
    return tuple(
        specs.guest_spec(
            lab, guest, size=settings.guest, network=settings.guest_network, base=base, feature=feature
        )
        for guest in guests
    )


def _boots_at_once(kvm: KvmObserved, starting: Collection[str]) -> int:
    # Asked only if it matters: it takes a moment of its own.
    if kvm.emulated or len(starting) < 2 or not state.is_executing:  # noqa: PLR2004 (nobody waits for one)
        return 1
    return boots_at_once(kvm, host.get_fact(IdleProcessors))


def _obstacle(
    changes: GuestChanges, observed: LibvirtObserved, kvm: KvmObserved, require_kvm: bool
) -> LabError | None:
    """Why these changes cannot be made, if so; before the run, much of it may not be there yet."""
    if not observed.answers:
        return None
    if require_kvm and not kvm.works:
        return unavailable(kvm)
    if changes.foreign:
        return LabError(
            f"{host.name}: domains of somebody else have these names: {named(changes.foreign)}",
            next_step="rename or remove them (virsh domrename, virsh undefine)",
        )
    if changes.clashes:
        pairs = named(f"{new} (of {old})" for new, old in changes.clashes)
        return LabError(
            f"{host.name}: guests would get addresses that guests no longer planned still have: {pairs}",
            next_step=_removal(old for _, old in changes.clashes),
        )
    return _shortage(changes, observed)


def _shortage(changes: GuestChanges, observed: LibvirtObserved) -> LabError | None:
    if changes.memory > observed.memory:
        return LabError(
            f"{host.name}: {len(changes.start)} guests need {changes.memory} MiB of memory, "
            f"{observed.memory} MiB are available",
            next_step="lower guest.memory in inventories/group_data/kvm_hosts.py, or add a host to kvm_hosts",
        )
    if changes.room > observed.disk:
        return LabError(
            f"{host.name}: the disks of {len(changes.overlays)} guests need {changes.room} MiB at first, "
            f"{observed.disk} MiB are free in {IMAGES}",
            next_step=f"free some disk on {host.name}, or add a host to kvm_hosts",
        )
    return None


def _converge(layout: Layout, changes: GuestChanges, images: dict[str, bytes], boots: Boots) -> Commands:
    """Make the changes, to all guests side by side. What fails of one does not keep the others from starting.

    :param images: content of the missing seeds, by guest.
    :param boots: the guests to start.
    """
    failures: list[str] = []
    files = {f"disks/{spec.seed}": images[spec.name] for spec in changes.seeds}
    files |= {f"specs/domain-{spec.name}.xml": spec.xml.encode() for spec in changes.define}
    if files:
        yield received(files, layout.folder)
    if changes.seeds:
        yield virsh("pool-refresh", layout.lab)
    yield from _shut_down([spec.name for spec in changes.shut_down])
    steps = _steps(layout, changes)
    each = list(steps.values())
    # The first alone: libxml2 prepares itself to validate at the first definition, and fails if there are two
    # ("Error type 'string' is not exported by type library").
    for some in filter(None, (each[:1], each[1:])):
        yield FunctionCommand(attempt, (virsh_side_by_side(some), failures), {})
    if changes.start:
        yield _consoles_set_aside(layout, boots.addresses)
        yield FunctionCommand(start_in_turn, (layout.lab, boots, failures), {})
    if steps or changes.start:
        # Before anything goes that a guest whose new definition failed still has in its old one.
        yield FunctionCommand(none_failed, (failures,), {})
    for volume in changes.discard:
        yield virsh("vol-delete", volume, "--pool", layout.lab)


def _consoles_set_aside(layout: Layout, guests: Iterable[str]) -> StringCommand:
    """Have console logs of guests that are off begin anew: how one boot ended says nothing of the next."""
    pairs = (shlex.join((layout.console(guest), layout.former_console(guest))) for guest in guests)
    moves = "; ".join(f"set_aside {pair}" for pair in pairs)
    return StringCommand(f'set_aside() {{ [ ! -e "$1" ] || mv -f "$1" "$2"; }}; {moves}')


def _steps(layout: Layout, changes: GuestChanges) -> dict[str, list[tuple[str, ...]]]:
    """What virsh has to do for each guest before it is started, in this order."""
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


def _shut_down(names: list[str]) -> Commands:
    if not names:
        return
    for name in names:
        yield virsh("shutdown", name)
    yield FunctionCommand(wait_until_off, (names,), {})
    for name in names:
        # One that did not heed it in time; already off is what was wanted.
        # In whichever language the host speaks: of those that run, there is none of that name any more.
        runs = f"{VIRSH} list --name | grep -Fqx {shlex.quote(name)}"
        yield StringCommand(f"! {{ {runs}; }} ||", virsh("destroy", name))


def _announce(changes: GuestChanges) -> None:
    if changes.shut_down:
        names = named(spec.name for spec in changes.shut_down)
        _warn(f"shut down and started anew, as their spec changed: {names}")
    if changes.unplanned:
        _warn(f"not in the roster, so not touched\n  → {_removal(changes.unplanned)}")
    if changes.outdated:
        _warn(
            "guests stay on an older guest image, as their disks hold work\n"
            f"  → {_removal(changes.outdated)}; then deploy again"
        )
    if changes.running:
        _warn(
            f"left running, as they may hold work, though {SETTING}: {named(changes.running)}\n"
            f"  → on {host.name}, to stop one: virsh shutdown {changes.running[0]}"
        )
    if changes.larger:
        _warn(f"their disks stay larger than guest.disk: {named(changes.larger)}")


def _warn(message: str) -> None:
    host.log_styled(message, log_func=logger.warning, fg="yellow")


def _removal(names: Iterable[str]) -> str:
    virsh_on = f"on {host.name}, to remove one with its disk: virsh destroy NAME;"
    return f"{virsh_on} virsh undefine --nvram --remove-all-storage NAME (NAME: {named(names)})"
