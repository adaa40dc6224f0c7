"""Ansible, with the community's collections."""

from benchmarks.compare.contestant import HERE, Command, Contestant
from benchmarks.compare.rows import HostLoad, Verb

_PLAYBOOKS = HERE / "ansible"


class Ansible(Contestant):
    """ansible-core with community.libvirt and community.docker."""

    name = "Ansible"
    how = (
        "`ansible-playbook` over SSH with pipelining and one connection that is kept, facts not gathered; "
        "a loop over the students for each of community.libvirt's and community.docker's modules. Made "
        "and started: the machines' tasks alone (`--tags machines`); nothing to do: packages, daemons, "
        "pool and networks as well, as the lab sees to them."
    )
    from_pypi = True
    kinds = frozenset({"guests", "containers", "class"})

    def command(self, verb: Verb, load: HostLoad) -> Command:
        """Return the command that runs one of the two playbooks."""
        arena = self.arena
        assert arena.peers, "a contestant from PyPI is only prepared if this environment exists"
        values = {"kind": load.kind, "size": load.size, "files": HERE / "on_host"}
        variables = [word for key, value in values.items() for word in ("-e", f"{key}={value}")]
        tags = ["--tags", "machines"] if verb == "create" else []
        words = [
            str(arena.peers / "bin/ansible-playbook"),
            f"--inventory={arena.host.name},",
            f"--ssh-common-args=-F {arena.hosts.ssh_config}",
            *variables,
            *tags,
            str(_PLAYBOOKS / ("down.yml" if verb == "remove" else "up.yml")),
        ]
        environment = {
            "ANSIBLE_CONFIG": str(_PLAYBOOKS / "ansible.cfg"),
            "ANSIBLE_HOME": str(arena.folder),
            # The path of a Unix socket has to be short.
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(arena.hosts.folder / "cp"),
        }
        return Command(words, environment, says=r"changed=0\b" if verb == "repeat" else None)
