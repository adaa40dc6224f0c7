"""Measurements of made-up machines, of which it is known what they have to show."""

from dataclasses import dataclass

from minetlab.checks.snapshots import History
from minetlab.claims.measurements import LOADS, Cost, Costs, Sample, Series


def series(host: str, **ratios: float) -> Series:
    """A host on which each environment takes so many times as long as natively."""
    samples = [
        Sample(environment=name, load=load, turn=turn, microseconds=10.0 * (1 + turn) * ratio)  # type: ignore[arg-type]
        for turn in range(3)
        for load in LOADS
        for name, ratio in {"native": 1.0, **ratios}.items()
    ]
    return Series(host=host, boots={}, samples=tuple(samples))


def costs(**changes: float) -> Costs:
    """A guest that costs more than a container in everything but what is changed of the guest."""
    guest = {"seconds": 9.5, "memory": 400 << 20, "disk": 90 << 20, "shared": 200 << 20} | changes
    return Costs(
        guest=Cost(machine="minet-alice", kind="guest", **guest),  # type: ignore[arg-type]
        container=Cost(
            machine="minet-alice-emulation", kind="container", seconds=0.6, memory=8 << 20, disk=4096,
            shared=300 << 20,
        ),
    )  # fmt: skip


@dataclass
class Measured:
    """What a measuring of a lab finds, each of which can be made wrong."""

    on_kvm_host: Series
    on_container_host: Series
    compared: Costs
    witnessed: History
    lacking: str = ""
    required: bool = False
    guest_runs: bool = True

    def missing(self, host: str) -> str:
        return self.lacking

    def guest(self, host: object) -> str | None:
        return "minet-alice" if self.guest_runs else None

    def series(self, host: object) -> Series:
        return self.on_container_host if type(host).__name__ == "ContainerHostMachine" else self.on_kvm_host

    def costs(self, host: object) -> Costs:
        return self.compared

    def history(self, host: object) -> History:
        return self.witnessed


def measured() -> Measured:
    """A lab that shows what the slides say."""
    return Measured(
        series("hv1", guest=1.1, **{"emulated PC": 20.0}),
        series("ct1", container=1.0, **{"emulated program": 12.0, "emulated ARM64": 25.0}),
        costs(),
        History(3, 6, (1, 2, 3, 4, 5, 6, 4, 5, 6)),
    )
