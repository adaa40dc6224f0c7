"""Docker Compose."""

import json

from benchmarks.compare.contestant import ON_HOST, Command, Contestant
from benchmarks.compare.rows import HostLoad, Verb


class DockerCompose(Contestant):
    """Debian's docker-compose."""

    name = "docker compose"
    how = "Debian's `docker-compose` on the host itself, `up --detach` and `down`, a service a student."
    kinds = frozenset({"containers"})
    versions = ("docker-compose version",)

    def before(self, verb: Verb, load: HostLoad) -> None:
        """Write the Compose file, in JSON, which is also YAML."""
        services = {f"student{number:04}": _service(number) for number in range(1, load.size + 1)}
        networks = {"default": {"name": "bench", "external": True}}
        project = {"name": "bench", "services": services, "networks": networks}
        self.arena.write(f"{ON_HOST}/compose.yaml", json.dumps(project))

    def command(self, verb: Verb, load: HostLoad) -> Command:
        """Return the command that brings the services up or down."""
        subcommand = "down" if verb == "remove" else "up --detach"
        return self.on_host(f"docker-compose --file {ON_HOST}/compose.yaml {subcommand}")


def _service(number: int) -> dict[str, object]:
    name = f"student{number:04}"
    return {
        "image": "bench/student",
        "container_name": name,
        "hostname": name,
        "init": True,
        "restart": "unless-stopped",
        "ports": [f"{20000 + number}:2222"],
        "volumes": ["/srv/bench/access:/run/minet-lab/access:ro"],
        "security_opt": ["no-new-privileges"],
        "cap_drop": ["ALL"],
    }
