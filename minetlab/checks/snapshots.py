"""The witness: a virtual machine that counts seconds, to see whether a snapshot brings it back in time.

Once it is reverted to its snapshot, it counts some of the seconds again.
"""

import shlex
from dataclasses import dataclass
from itertools import pairwise

from minetlab.checks.machines import ContainerMachine, KvmMachine
from minetlab.checks.modules import VIRSH_COMMAND, Reader
from minetlab.checks.workbench import witness_folder
from minetlab.util.render import render

# Starts the witness, takes a snapshot of it, and reverts to that. Prints how many lines its console had when
# the snapshot was taken and when it was reverted, and then the console: a number for each second.
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
    """What the witness counted.

    :param taken: how many lines it had printed when the snapshot was taken.
    :param returned: how many lines it had printed when it was reverted.
    :param numbers: all that it counted, before and after.
    """

    taken: int
    returned: int
    numbers: tuple[int, ...]

    @property
    def past(self) -> tuple[int, int] | None:
        """The last number before the return, and the first one after it; None: it never went back."""
        returns = (pair for pair in pairwise(self.numbers) if pair[1] <= pair[0])
        return next(returns, None)


def run_witness(host: KvmMachine, container: ContainerMachine) -> History:
    """Start the witness on a KVM host, revert it to a snapshot, and read what it counted.

    :param host: where it runs.
    :param container: a container of the TP whose program counts.
    :return: what it counted.
    :raises AssertionError: libvirt refused one of the steps, or the machine does not count.
    """
    name = f"{host.lab}-witness"
    reader = Reader.on(host.host)
    with witness_folder(host, container) as folder:
        domain_type = "kvm" if host.hardware else "qemu"
        xml = render("libvirt/witness.xml.j2", name=name, type=domain_type, folder=folder)
        reader.read(f"printf %s {shlex.quote(xml)} >{folder}/domain.xml")
        printed = reader.read(SCRIPT.format(folder=folder, virsh=VIRSH_COMMAND, name=name))
    return parse_history(printed)


def parse_history(printed: str) -> History:
    """Read the history from what :data:`SCRIPT` printed."""
    first, *console = printed.replace("\r", "").splitlines()
    taken, returned = map(int, first.split())
    return History(taken, returned, tuple(int(line) for line in console if line.strip().isdigit()))
