"""virt-lightning."""

from benchmarks.compare.contestant import ON_HOST, Command, Contestant
from benchmarks.compare.rows import HostLoad, Verb

_GUEST = "- {{name: student{number:04}, distro: base, memory: 256, vcpus: 1, disks: [{{size: 3}}]}}\n"
_POOL = "/var/lib/virt-lightning/pool"
_IMAGES = f"{_POOL}/upstream"


class VirtLightning(Contestant):
    """virt-lightning, from PyPI."""

    name = "virt-lightning"
    how = (
        "`vl up` on the host itself, as it reads its pool there. It waits for the guests' SSH, which "
        "nothing in them answers: its clock stops at its line that all are started (“ok Waiting…”). Given "
        "again, it looks whether a guest of the name runs, and at nothing else."
    )
    from_pypi = True
    kinds = frozenset({"guests"})
    versions = (f"ls {ON_HOST}/python | grep -o 'virt_lightning-[0-9.]*[0-9]'",)

    def prepare(self) -> None:
        """Make its pool with the base image, in memory like that of the others, and a key, which it needs."""
        self.arena.host.run(
            f"mkdir -p {_POOL} && mount -t tmpfs tmpfs {_POOL} && mkdir -p {_IMAGES}"
            f" && cp /var/lib/libvirt/images/bench/base.qcow2 {_IMAGES}/"
            " && chown -R libvirt-qemu:libvirt-qemu /var/lib/virt-lightning"
            " && ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519"
        )

    def before(self, verb: Verb, load: HostLoad) -> None:
        """Write the list of guests."""
        guests = (_GUEST.format(number=number) for number in range(1, load.size + 1))
        self.arena.write(f"{ON_HOST}/guests.yaml", "".join(guests))

    def command(self, verb: Verb, load: HostLoad) -> Command:
        """Return the command that brings the guests up or down."""
        run = "python3 -c 'from virt_lightning.shell import main; main()'"
        vl = f"cd {ON_HOST} && PYTHONPATH={ON_HOST}/python {run}"
        if verb == "remove":
            return self.on_host(f"{vl} down")
        return self.on_host_until(f"{vl} up --virt-lightning-yaml guests.yaml", "ok Waiting")
