"""The floor of all times: what libvirt and Docker themselves take, used by their APIs."""

from benchmarks.compare.contestant import ON_HOST, Command, Contestant
from benchmarks.compare.rows import HostLoad, Verb


class Floor(Contestant):
    """libvirt-python and Docker's SDK, from a pool of threads."""

    name = "raw APIs"
    how = (
        "libvirt-python and Docker's SDK in a Python program of their own, run on the host itself (no way "
        "to go), with eight threads, as more of them were no faster. Where nothing is to be done it reads "
        "everything in bulk, and compares names."
    )
    kinds = frozenset({"guests", "containers", "class"})
    versions: tuple[str, ...] = (
        "python3 -c 'import libvirt; print(\"libvirt-python\", libvirt.getVersion())'",
        "python3 -c 'import docker; print(\"docker\", docker.__version__)'",
    )

    def command(self, verb: Verb, load: HostLoad) -> Command:
        """Return the command that runs the programs, both at the same time for guests and containers."""
        guests = {"create": "create" if load.kind == "guests" else "define", "repeat": "compare"}
        containers = {"repeat": "compare"}
        programs = []
        if load.kind != "containers":
            programs.append(f"python3 {ON_HOST}/floor_guests.py {guests.get(verb, verb)} {load.size}")
        if load.kind != "guests":
            programs.append(f"python3 {ON_HOST}/floor_containers.py {containers.get(verb, verb)} {load.size}")
        if len(programs) == 1:
            return self.on_host(programs[0])
        return self.on_host(f"{programs[0]} & {programs[1]} && wait $!")
