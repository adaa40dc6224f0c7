"""virt-install, with a process for each guest."""

from benchmarks.compare.contestant import ON_HOST, Command, Contestant
from benchmarks.compare.rows import HostLoad, Verb

_EACH = "seq -f student%04g {size} | xargs -I NAME"
_OPTIONS = (
    "--quiet --connect qemu:///system --name NAME --virt-type qemu --osinfo linux2022 --memory 256 --vcpus 1",
    "--cpu kvm64 --import --noautoconsole --autostart --graphics none --network network=bench",
    "--disk size=3,pool=bench,backing_format=qcow2,backing_store=/var/lib/libvirt/images/bench/base.qcow2",
    f"--cloud-init user-data={ON_HOST}/user-data,meta-data={ON_HOST}/meta-data",
)
_CREATE = f"{_EACH} virt-install {' '.join(_OPTIONS)}"
_REMOVE = f"{_EACH} sh -c 'virsh -q destroy NAME && virsh -q undefine --remove-all-storage NAME'"


class VirtInstall(Contestant):
    """Debian's virt-install."""

    name = "virt-install"
    how = (
        "Debian's `virt-install --import` on the host itself, a guest after the other: two at once "
        "fail, as each refreshes the pool. Removed by `virsh`, in the same way. It has no way to be given "
        "again: it refuses names that exist."
    )
    kinds = frozenset({"guests"})
    verbs = frozenset({"create", "remove"})
    versions = ("echo virt-install $(virt-install --version)",)

    def prepare(self) -> None:
        """Create and remove a first guest, with which it makes a pool for seeds."""
        for verb in ("create", "remove"):
            self.arena.host.run(self._script(verb, 1))

    def command(self, verb: Verb, load: HostLoad) -> Command:
        """Return the command that runs it for each guest."""
        return self.on_host(self._script(verb, load.size))

    @staticmethod
    def _script(verb: str, size: int) -> str:
        return (_REMOVE if verb == "remove" else _CREATE).format(size=size)
