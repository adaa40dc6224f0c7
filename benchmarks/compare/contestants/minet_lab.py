"""The lab itself."""

import os
import shutil
import sys
from pathlib import Path

from benchmarks.compare.contestant import HERE, Command, Contestant
from benchmarks.compare.rows import HostLoad, LoadKind, Verb
from benchmarks.native import write_lab
from minetlab.inventory.hosts import CONTAINER_HOSTS, KVM_HOSTS, read_inventory
from minetlab.inventory.load import load_lab
from minetlab.operations import specs
from minetlab.plan import allocate
from minetlab.util.paths import PROJECT_ROOT
from minetlab.util.process import run

GROUPS: dict[LoadKind, tuple[str, ...]] = {
    "guests": (KVM_HOSTS,),
    "containers": (CONTAINER_HOSTS,),
    "class": (KVM_HOSTS, CONTAINER_HOSTS),
}
_PYINFRA = [sys.executable, "-m", "pyinfra", "-y"]


class MinetLab(Contestant):
    """pyinfra with the lab's own deploys."""

    name = "minet-lab"
    how = (
        "`pyinfra inventory deploys/all.py`, over SSH, on a host with the lab's pool, network and images; "
        "where guests have to run, the same without the wait for their SSH, as nothing in them would "
        "answer. Its teardown removes pool, network and images as well."
    )
    kinds = frozenset({"guests", "containers", "class"})

    def before(self, verb: Verb, load: HostLoad) -> None:
        """Deploy the lab without students, and make the students' keys, which all contestants have before."""
        if verb != "create":
            return
        run([*_PYINFRA, str(self._write(HostLoad(load.kind, 0))), self._deploy(load)], env=self.environment)
        self._make_keys(self._write(load))

    def command(self, verb: Verb, load: HostLoad) -> Command:
        """Return the command that deploys the lab or tears it down."""
        deploy = "deploys/teardown.py" if verb == "remove" else self._deploy(load)
        nothing_changed = r"Grand total +\d+ +- +- " if verb == "repeat" else None
        words = [*_PYINFRA, str(self._folder(load) / "lab.py"), deploy]
        return Command(words, self.environment, says=nothing_changed)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that its runs have on top of the environment of this process."""
        return {"MINETLAB_STATE": str(self.arena.folder / "state")}

    def _deploy(self, load: HostLoad) -> str:
        return str(HERE / "started_guests.py") if load.kind == "guests" else "deploys/all.py"

    def _folder(self, load: HostLoad) -> Path:
        return self.arena.folder / f"{load.kind}-{load.size}"

    def _write(self, load: HostLoad) -> Path:
        """Write the inventory anew, without the allocation file of the last round."""
        shutil.rmtree(self._folder(load), ignore_errors=True)
        network = {"mode": "nat", "subnet": "10.77.0.0/22"}
        return write_lab(
            self.arena.hosts.only(self.arena.host),
            self._folder(load),
            students=load.size,
            progress=lambda _: None,
            name="minet",
            # All boot at once, as the guests have no system that would answer.
            kvm={
                "guests_run": load.kind == "guests",
                "guest_network": network,
                "boots_at_once": load.size or None,
            },
            groups=GROUPS[load.kind],
        )

    def _make_keys(self, inventory_file: Path) -> None:
        code = f"from {__name__} import make_keys; make_keys({str(inventory_file)!r})"
        environment = {**self.environment, "PYTHONPATH": str(PROJECT_ROOT)}
        run([sys.executable, "-c", code], env=environment)


def make_keys(inventory_file: str) -> None:
    """Make the keys that a lab's machines need, in the state folder of the environment."""
    os.chdir(PROJECT_ROOT)
    lab = load_lab(read_inventory(Path(inventory_file)))
    plan = allocate(lab)
    for guest in plan.guests:
        specs.seed(lab.name, guest, lab.kvm_host(guest.host).settings.guest_network)
    specs.access(lab.name, plan.containers)
