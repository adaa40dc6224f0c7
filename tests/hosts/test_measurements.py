"""What virtualization brings and costs: the same work in several environments, and machines compared.

Nothing else may run on the hosts meanwhile, and it takes minutes where they are emulated: ``lab report`` and
``lab verify --all`` run these after all other checks, one by one.
"""

import pytest

from minetlab.checks.assertions import require_hardware
from minetlab.checks.machines import ContainerHostMachine, KvmMachine, MachineUnderTest
from minetlab.checks.measuring import Measuring
from minetlab.claims.measurements import EMULATED, Series
from minetlab.resources.guests import reason_off

pytestmark = pytest.mark.measurement

# Times as long as natively. An emulator translates each instruction into several; virtualized, each is
# executed as it is, and what is left is the share of exits, and what else the host does.
COSTLY, NEARLY_NATIVE = 2.0, 1.5


def measured(machine: MachineUnderTest, measuring: Measuring) -> Measuring:
    """What measures; without what it takes the check is not demonstrable, and that is said."""
    if missing := measuring.missing(machine.name):
        assert not measuring.required, (
            f"{machine.name}: {missing}; require_kvm asks for all that can be demonstrated"
            "\n  → add it to tp_images of a container host"
        )
        pytest.skip(f"{machine.name}: {missing}")
    return measuring


def with_guest(kvm_host: KvmMachine, measuring: Measuring) -> Measuring:
    """The same, where a guest is measured: on a host that is to run none, it is not demonstrable."""
    found = measured(kvm_host, measuring)
    if not found.guest(kvm_host):
        reason = "it has none" if kvm_host.settings.guests_run else reason_off(kvm_host.name)
        pytest.skip(f"{kvm_host.name}: no guest runs there to be measured: {reason}")
    return found


def emulation_costs(machine: MachineUnderTest, series: Series) -> None:
    """Each emulated environment takes far longer to compute than the machine that it runs on."""
    measured = [name for name in EMULATED if name in series.environments]
    assert measured, machine.differs("emulated environments", "measured", "none")
    for name in measured:
        ratio = series.ratio(name, "processor").median
        assert ratio >= COSTLY, machine.differs(
            f"{name}: times as long as natively", f"{COSTLY:.0f} or more", f"{ratio:.2f}"
        )


@pytest.mark.claim("C11")
def test_emulation_costs_on_kvm_host(kvm_host: KvmMachine, measuring: Measuring) -> None:
    emulation_costs(kvm_host, with_guest(kvm_host, measuring).series(kvm_host))


@pytest.mark.claim("C11")
def test_emulation_costs_on_container_host(
    container_host: ContainerHostMachine, measuring: Measuring
) -> None:
    emulation_costs(container_host, measured(container_host, measuring).series(container_host))


@pytest.mark.claim("C12")
def test_guest_computes_at_the_processors_speed(kvm_host: KvmMachine, measuring: Measuring) -> None:
    require_hardware(kvm_host)
    series = with_guest(kvm_host, measuring).series(kvm_host)
    ratio = series.ratio("guest", "processor").median
    assert ratio <= NEARLY_NATIVE, kvm_host.differs(
        "guest: times as long as natively", f"{NEARLY_NATIVE} or less", f"{ratio:.2f}"
    )


@pytest.mark.claim("C18")
def test_snapshot_brings_the_past_back(kvm_host: KvmMachine, measuring: Measuring) -> None:
    """After the return the machine counts on from where it was; one that restarts begins with 1."""
    history = measured(kvm_host, measuring).history(kvm_host)
    past = history.past
    assert past, kvm_host.differs("seconds after the return", "some again", history.numbers)
    before, after = past
    assert history.taken <= after < before, kvm_host.differs(
        "first second after the return", f"{history.taken} or the next, before {before}", after
    )


@pytest.mark.claim("C18")
def test_guest_takes_more_than_a_container(kvm_host: KvmMachine, measuring: Measuring) -> None:
    costs = with_guest(kvm_host, measuring).costs(kvm_host)
    guest, container = costs.guest, costs.container
    for what in ("seconds", "memory", "disk"):
        less, more = getattr(container, what), getattr(guest, what)
        assert less < more, kvm_host.differs(
            f"{what} of {guest.machine}", f"more than {container.machine}'s {less}", more
        )
