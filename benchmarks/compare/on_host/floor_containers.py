"""Create, compare or remove containers by Docker's API, in as many threads as are useful.

Usage: floor_containers.py create|compare|remove SIZE
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import docker

THREADS = 8
IMAGE, NETWORK = "bench/student", "bench"


def client() -> docker.APIClient:
    """Return a new client, with a pool of connections."""
    return docker.APIClient(version="auto")


def make(api: docker.APIClient, number: int) -> None:
    """Create and start one container."""
    settings = api.create_host_config(
        init=True,
        restart_policy={"Name": "unless-stopped"},
        port_bindings={2222: 20000 + number},
        binds=["/srv/bench/access:/run/minet-lab/access:ro"],
        security_opt=["no-new-privileges"],
        cap_drop=["ALL"],
        network_mode=NETWORK,
    )
    name = f"student{number:04}"
    container = api.create_container(IMAGE, name=name, hostname=name, ports=[2222], host_config=settings)
    api.start(container["Id"])


def main(verb: str, size: str) -> None:
    """Create, compare or remove this number of containers."""
    api = client()
    numbers = range(1, int(size) + 1)
    with ThreadPoolExecutor(THREADS) as pool:
        if verb == "create":
            list(pool.map(lambda number: make(api, number), numbers))
        elif verb == "compare":
            names = {container["Names"][0].lstrip("/") for container in api.containers(all=True)}
            api.images()
            api.networks()
            missing = [number for number in numbers if f"student{number:04}" not in names]
            if missing:
                sys.exit(f"missing: {missing}")
        else:
            identifiers = [container["Id"] for container in api.containers(all=True)]
            list(pool.map(lambda id_: api.remove_container(id_, force=True, v=True), identifiers))


if __name__ == "__main__":
    main(*sys.argv[1:])
