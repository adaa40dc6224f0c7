"""What has to be done about guests and their network, from what is desired and what is there."""

from dataclasses import replace
from itertools import product

import pytest

from minetlab.resources.guests import OVERHEAD, OVERLAY_ROOM, GuestChanges, compare
from minetlab.resources.layout import guest_of_seed, is_volume_of, overlay
from minetlab.resources.libvirt import Domain, Label, LibvirtObserved, ObservedNetwork, Volume
from minetlab.resources.network import NetworkChanges, ReservationUpdate, compare as compare_network
from tests.support.guests import BASE, LAB, guest_specs, network, standing

SPECS = guest_specs(3)
FIRST = SPECS[0]
STANDING = standing(3)


def with_volume(observed: LibvirtObserved, volume: Volume) -> LibvirtObserved:
    return replace(observed, volumes={**observed.volumes, volume.name: volume})


def without_volume(observed: LibvirtObserved, name: str) -> LibvirtObserved:
    return replace(observed, volumes={key: each for key, each in observed.volumes.items() if key != name})


def with_domain(observed: LibvirtObserved, name: str, **changes: object) -> LibvirtObserved:
    domain = replace(observed.domains[name], **changes)  # type: ignore[arg-type]
    return replace(observed, domains={**observed.domains, name: domain})


def test_nothing_to_do_where_everything_stands() -> None:
    assert compare(LAB, SPECS, STANDING) == GuestChanges()


def test_everything_is_made_on_an_empty_host() -> None:
    changes = compare(LAB, SPECS, LibvirtObserved(answers=True))
    for work in (changes.seeds, changes.overlays, changes.define, changes.autostart, changes.start):
        assert work == SPECS
    assert (changes.shut_down, changes.grow, changes.discard) == ((), (), ())
    assert changes.memory == 3 * (512 + OVERHEAD)
    assert changes.room == 3 * OVERLAY_ROOM


def test_a_changed_spec_restarts_that_guest_only_and_keeps_its_disk() -> None:
    changed = replace(FIRST, digest="other")
    changes = compare(LAB, [changed, *SPECS[1:]], STANDING)
    assert changes.shut_down == changes.define == changes.autostart == changes.start == (changed,)
    assert (changes.overlays, changes.seeds, changes.memory) == ((), (), 0)


def test_a_stopped_guest_is_only_started() -> None:
    changes = compare(LAB, SPECS, with_domain(STANDING, FIRST.name, active=False))
    assert changes == GuestChanges(start=(FIRST,))


def test_autostart_is_put_back() -> None:
    changes = compare(LAB, SPECS, with_domain(STANDING, FIRST.name, autostart=False))
    assert changes == GuestChanges(autostart=(FIRST,))


def test_a_lost_disk_and_a_lost_seed_are_made_again() -> None:
    assert compare(LAB, SPECS, without_volume(STANDING, overlay(FIRST.name))).overlays == (FIRST,)
    assert compare(LAB, SPECS, without_volume(STANDING, FIRST.seed)).seeds == (FIRST,)


def test_a_replaced_seed_and_a_base_image_without_overlays_are_discarded_and_nothing_else() -> None:
    old_seed, old_base = f"{FIRST.name}-seed-000000000000.iso", "base-ffffffffffff.qcow2"
    observed = STANDING
    for name in (old_seed, old_base, "notes.qcow2", "base-mine.qcow2", "minet-gone-seed-000000000000.iso"):
        observed = with_volume(observed, Volume(name))
    assert compare(LAB, SPECS, observed).discard == (old_base, old_seed)


def test_a_new_base_image_leaves_disks_and_the_image_under_them_alone() -> None:
    specs = tuple(replace(spec, base="base-ffffffffffff.qcow2") for spec in SPECS)
    outdated = tuple(spec.name for spec in SPECS)
    assert compare(LAB, specs, STANDING) == GuestChanges(outdated=outdated)


def test_a_disk_grows_when_its_guest_is_off_and_never_shrinks() -> None:
    larger = replace(FIRST, disk=FIRST.disk * 2)
    assert compare(LAB, [larger], standing(1)) == GuestChanges()
    assert compare(LAB, [larger], standing(1, active=False)).grow == (larger,)
    restarted = replace(larger, digest="other")
    assert compare(LAB, [restarted], standing(1)).grow == (restarted,)
    smaller = replace(FIRST, disk=1)
    assert compare(LAB, [smaller], standing(1)) == GuestChanges(larger=(FIRST.name,))


def test_a_guest_whose_student_left_is_named_and_left_alone() -> None:
    assert compare(LAB, SPECS[1:], STANDING) == GuestChanges(unplanned=(FIRST.name,))


def test_domains_of_somebody_else_are_no_guests_of_ours() -> None:
    for lab in ("other", None):
        label = Label(lab, "spec") if lab else Label()
        changes = compare(LAB, SPECS, with_domain(STANDING, FIRST.name, label=label))
        assert changes.foreign == (FIRST.name,)
        assert changes.unplanned == ()


def test_an_address_that_a_left_guest_still_has_is_not_given_again() -> None:
    newcomer = replace(FIRST, name="minet-new")
    assert compare(LAB, [newcomer], standing(1)).clashes == (("minet-new", FIRST.name),)


IDLE = tuple(replace(spec, to_run=False) for spec in SPECS)
OFF = standing(3, active=False, autostart=False)


def test_guests_that_are_not_to_run_are_defined_and_that_is_all() -> None:
    changes = compare(LAB, IDLE, LibvirtObserved(answers=True))
    for work in (changes.seeds, changes.overlays, changes.define):
        assert work == IDLE
    assert (changes.start, changes.autostart, changes.no_autostart) == ((), (), ())
    assert (changes.memory, changes.room) == (0, 3 * OVERLAY_ROOM)
    assert compare(LAB, IDLE, OFF) == GuestChanges()


def test_a_guest_that_runs_and_is_not_to_is_named_and_loses_only_its_autostart() -> None:
    changes = compare(LAB, IDLE, STANDING)
    assert changes == GuestChanges(no_autostart=IDLE, running=tuple(spec.name for spec in IDLE))
    changed = replace(IDLE[0], digest="other")
    changes = compare(LAB, [changed], standing(1))
    assert changes.shut_down == changes.define == changes.start == (changed,)
    assert (changes.autostart, changes.running, changes.memory) == ((), (), 0)


def test_guests_that_are_to_run_again_are_started_and_come_up_with_the_host() -> None:
    assert compare(LAB, SPECS, OFF) == GuestChanges(autostart=SPECS, start=SPECS)


def after(changes: GuestChanges, observed: LibvirtObserved) -> LibvirtObserved:
    """What is there once domains are as these changes want them."""
    for spec in changes.define:
        was = observed.domains.get(spec.name, Domain(spec.name, spec.name))
        now = replace(was, label=Label(LAB, spec.digest), active=was.active and spec not in changes.shut_down)
        observed = replace(observed, domains={**observed.domains, spec.name: now})
    for spec in changes.autostart:
        observed = with_domain(observed, spec.name, autostart=True)
    for spec in changes.no_autostart:
        observed = with_domain(observed, spec.name, autostart=False)
    for spec in changes.start:
        observed = with_domain(observed, spec.name, active=True)
    return observed


@pytest.mark.parametrize("run", [True, False])
@pytest.mark.parametrize("there", [None, *product([True, False], repeat=3)])
def test_whatever_was_there_what_is_to_run_does_and_nothing_that_runs_is_stopped(
    run: bool, there: tuple[bool, bool, bool] | None
) -> None:
    spec, observed = replace(FIRST, to_run=run), replace(standing(1), domains={})
    active, autostart, changed = there or (False, False, False)
    if there:
        label = Label(LAB, "other" if changed else spec.digest)
        observed = with_domain(standing(1), spec.name, label=label, active=active, autostart=autostart)
    stand = after(compare(LAB, [spec], observed), observed)
    domain = stand.domains[spec.name]
    assert (domain.active, domain.autostart) == (run or active, run)
    assert replace(compare(LAB, [spec], stand), running=()) == GuestChanges()


def test_memory_is_needed_for_guests_that_do_not_run_yet() -> None:
    changes = GuestChanges(start=SPECS, shut_down=(FIRST,), overlays=(FIRST, SPECS[1]))
    assert (changes.memory, changes.room) == (2 * (512 + 128), 2 * 512)


def test_planned_neighbours_are_neither_changed_nor_unplanned() -> None:
    neighbours = [spec.name for spec in SPECS[1:]]
    assert compare(LAB, SPECS[:1], STANDING, neighbours, base=BASE) == GuestChanges()


def test_the_base_image_of_the_hosts_settings_is_kept_though_no_guest_uses_it() -> None:
    other, third = "base-ffffffffffff.qcow2", "base-eeeeeeeeeeee.qcow2"
    observed = with_volume(with_volume(STANDING, Volume(other)), Volume(third))
    assert compare(LAB, SPECS, observed, base=other).discard == (third,)
    assert compare(LAB, SPECS, observed).discard == (third, other)


def test_a_base_image_is_kept_for_guests_that_are_planned_or_have_overlays_of_it() -> None:
    bare = LibvirtObserved(volumes={BASE: Volume(BASE)})
    assert compare(LAB, SPECS[:1], bare).discard == ()
    assert compare(LAB, [], bare).discard == (BASE,)
    stranger = with_volume(bare, Volume("x.qcow2", backing=f"/disks/{BASE}"))
    assert compare(LAB, [], stranger).discard == ()


def test_a_disk_without_a_base_is_based_on_another_image() -> None:
    observed = with_volume(STANDING, Volume(overlay(FIRST.name), FIRST.disk))
    assert compare(LAB, SPECS, observed) == GuestChanges(outdated=(FIRST.name,))


def test_left_guests_are_named_in_order_and_clash_only_by_their_address() -> None:
    assert compare(LAB, [], STANDING).unplanned == tuple(spec.name for spec in SPECS)
    newcomer = replace(FIRST, name="minet-new", mac="52:54:00:00:00:01")
    assert compare(LAB, [newcomer], STANDING).clashes == ()


SPEC = network(3)
UP = STANDING.networks[LAB]


def test_a_seed_is_no_others_overlay_however_they_are_called() -> None:
    assert guest_of_seed("minet-li-seed-0123456789ab.iso") == "minet-li"
    assert not is_volume_of(overlay("minet-li-seed-x"), "minet-li")
    assert not is_volume_of("minet-li-seed-x-seed-0123456789ab.iso", "minet-li")


def test_a_network_that_is_as_specified_is_left_alone() -> None:
    assert compare_network(LAB, SPEC, UP, used=True) == NetworkChanges()
    assert compare_network(LAB, SPEC, UP, used=False) == NetworkChanges()


def test_a_missing_network_is_made() -> None:
    assert compare_network(LAB, SPEC, None, used=False) == NetworkChanges(
        define=True, start=True, autostart=True
    )


def test_students_who_come_and_go_change_reservations_only() -> None:
    fewer, more = network(2), network(4)
    (gone,) = SPEC.reservations - fewer.reservations
    (new,) = more.reservations - SPEC.reservations
    for other, update in ((fewer, ReservationUpdate("delete", gone)), (more, ReservationUpdate("add", new))):
        assert compare_network(LAB, other, UP, used=True) == NetworkChanges(updates=(update,))


def test_they_take_a_network_down_that_nobody_uses() -> None:
    anew = NetworkChanges(define=True, restart=True, start=True)
    assert compare_network(LAB, network(4), UP, used=False) == anew
    assert compare_network(LAB, network(4), replace(UP, active=False), used=False) == replace(
        anew, restart=False
    )


def test_a_reservation_that_differs_is_modified() -> None:
    wanted = next(iter(SPEC.reservations))
    there = replace(UP, reservations=SPEC.reservations - {wanted} | {replace(wanted, name="old")})
    assert compare_network(LAB, SPEC, there, used=True).updates == (ReservationUpdate("modify", wanted),)


@pytest.mark.parametrize("label", [Label(), Label("other", "")])
def test_a_network_of_somebody_else_is_refused(label: Label) -> None:
    theirs = replace(UP, label=label)
    assert compare_network(LAB, SPEC, theirs, used=True) == NetworkChanges(foreign=True)


def test_another_spec_takes_the_network_down_and_one_that_is_down_is_started() -> None:
    changed = replace(SPEC, digest="other")
    assert compare_network(LAB, changed, UP, used=True) == NetworkChanges(
        define=True, restart=True, start=True
    )
    down: ObservedNetwork = replace(UP, active=False, autostart=False)
    assert compare_network(LAB, SPEC, down, used=True) == NetworkChanges(start=True, autostart=True)
    assert BASE in STANDING.volumes
