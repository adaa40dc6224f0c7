"""Which system calls the filters of containers let through, as runc was told."""

import json
from collections.abc import Callable

_CONFIG = "cat /run/containerd/io.containerd.runtime.v2.task/moby/$id/config.json"
# With Docker's own profile, and without capabilities.
_START = "docker run --detach --rm --cap-drop=ALL --network=none --entrypoint=sleep"


def beyond_docker(run: Callable[[str], str], name: str) -> set[str]:
    """Return the system calls that a container may make and that Docker's own profile refuses.

    :param run: runs a command on the container's host, and returns what it prints.
    :param name: the container's name.
    :return: the names of the calls, also of those that Docker's profile lets through for some arguments only.
    """
    look = f"id=$(docker inspect --format '{{{{.Id}}}}' {name}) && {_CONFIG}"
    image = f"$(docker inspect --format '{{{{.Image}}}}' {name})"
    look_at_docker = f"id=$({_START} {image} 600) && {_CONFIG} && docker kill $id >/dev/null"
    always, sometimes = _let_through(run(look))
    docker_always, docker_sometimes = _let_through(run(look_at_docker))
    assert always and docker_always
    return (always - docker_always) | (sometimes - docker_always - docker_sometimes)


def _let_through(config: str) -> tuple[set[str], set[str]]:
    """Return the names of the calls that are made whatever their arguments, and for some arguments."""
    rules = json.loads(config)["linux"]["seccomp"]["syscalls"]
    always: set[str] = set()
    sometimes: set[str] = set()
    for rule in rules:
        if rule["action"] == "SCMP_ACT_ALLOW":
            (sometimes if rule.get("args") else always).update(rule["names"])
    return always, sometimes
