"""A machine that is sent back in time: it counts seconds, and then some of them again."""

import shlex
from dataclasses import dataclass
from itertools import pairwise

from minetlab.checks.machines import ContainerMachine, KvmMachine
from minetlab.checks.modules import VIRSH, Reader
from minetlab.checks.workbench import witness_folder
from minetlab.util.render import render

# $VIRSH, $name: its machine. Prints what it counted; lines of words say what was done to it meanwhile.
SCRIPT = """\
cd {folder} || exit
virsh="{virsh}" name={name}
trap '$virsh destroy $name >/dev/null 2>&1' EXIT
lines() {{ wc --lines <console; }}
await() {{
  tries=0
  until [ "$(lines)" -ge "$1" ]; do
    tries=$((tries + 1))
    [ $tries -le 600 ] || {{ echo "it does not count: $(tail --lines=3 console)" >&2; exit 1; }}
    sleep 0.5
  done
}}
qemu-img create -q -f qcow2 disk.qcow2 64M && : >console && $virsh create domain.xml >/dev/null || exit
await 3
$virsh snapshot-create-as $name before >/dev/null || exit
taken=$(lines)
await $((taken + 3))
$virsh snapshot-revert $name before || exit
returned=$(lines)
await $((returned + 3))
echo "$taken $returned"
cat console
"""


@dataclass(frozen=True)
class History:
    """What the machine counted.

    :param taken: how many numbers it had said when the snapshot was taken.
    :param returned: how many when it was sent back.
    """

    taken: int
    returned: int
    numbers: tuple[int, ...]

    @property
    def past(self) -> tuple[int, int] | None:
        """The last number before the return and the first one after it; None: it never went back."""
        return next(((here, there) for here, there in pairwise(self.numbers) if there <= here), None)


def witness(host: KvmMachine, container: ContainerMachine) -> History:
    """Start the machine on a KVM host, take a snapshot, wait, revert, and see what it counted.

    :param container: of the TP whose program it runs.
    :raises AssertionError: libvirt refused one of the steps, or the machine does not count.
    """
    name = f"{host.lab}-witness"
    reader = Reader.on(host.host)
    with witness_folder(host, container) as folder:
        kind = "kvm" if host.hardware else "qemu"
        xml = render("libvirt/witness.xml.j2", name=name, type=kind, folder=folder)
        reader.read(f"printf %s {shlex.quote(xml)} >{folder}/domain.xml")
        said = reader.read(SCRIPT.format(folder=folder, virsh=VIRSH, name=name))
    return parsed(said)


def parsed(said: str) -> History:
    """What the script printed."""
    first, *numbers = said.replace("\r", "").splitlines()
    taken, returned = map(int, first.split())
    return History(taken, returned, tuple(int(number) for number in numbers if number.strip().isdigit()))
