"""kcli."""

from benchmarks.compare.contestant import ON_HOST, Command, Contestant
from benchmarks.compare.rows import HostLoad, Verb

_CONFIG = """default: {client: local}
local: {host: 127.0.0.1, type: kvm, pool: bench, nets: [bench]}
"""
# With its path: given by name alone, kcli takes a pool that makes another guest's volume meanwhile for a
# missing image, and leaves the guest out.
_PLAN = """{% for number in range(1, size + 1) %}
student{{ '%04d' % number }}:
  image: /var/lib/libvirt/images/bench/base.qcow2
  memory: 256
  numcpus: 1
  disks: [3]
  nets: [bench]
  nestedhv: false
{% endfor %}
"""


class Kcli(Contestant):
    """kcli, from PyPI."""

    name = "kcli"
    how = (
        "`kcli create plan --threaded` on the host itself, and `kcli delete plan`. Given again, it looks "
        "whether a guest of the name is there, and at nothing else."
    )
    from_pypi = True
    kinds = frozenset({"guests"})
    versions = (f"ls {ON_HOST}/python | grep -o 'kcli-[0-9.]*[0-9]'",)

    def prepare(self) -> None:
        """Write its configuration, and a plan for any number of guests."""
        self.arena.write("/root/.kcli/config.yml", _CONFIG)
        self.arena.write(f"{ON_HOST}/plan.yml", _PLAN)

    def command(self, verb: Verb, load: HostLoad) -> Command:
        """Return the command that creates or deletes the plan."""
        run = "python3 -c 'from kvirt.cli import cli; cli()'"
        kcli = f"cd {ON_HOST} && PYTHONPATH={ON_HOST}/python {run}"
        if verb == "remove":
            return self.on_host(f"{kcli} delete plan --yes bench")
        return self.on_host(f"{kcli} create plan --threaded -f plan.yml -P size={load.size} bench")
