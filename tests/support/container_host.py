"""A container host that answers the operations from a script, with the containers of thirty students."""

import json

from minetlab.lab import ContainerHostSettings, Student
from minetlab.plan import Container
from minetlab.resources.docker import container_specs
from minetlab.tp import tp_images

STATE, CONFIG, PACKAGES = "docker container ls", "/run/docker.pid", "dpkg-query"
BRIDGE: dict[str, object] = {"kind": "network", "name": "bridge", "lab": ""}  # every dockerd has it
SETTINGS = ContainerHostSettings()
STUDENTS = tuple(Student(login=f"s{number}", name="S") for number in range(30))
CONTAINERS = tuple(
    Container(f"minet-{each.login}-processus", each, "ct1", "processus", 20000 + number)
    for number, each in enumerate(STUDENTS)
)
IMAGES = tp_images.references("minet", ["processus"])
SPECS = container_specs("minet", CONTAINERS, SETTINGS, IMAGES)


def answer(*lines: dict[str, object]) -> dict[str, list[str]]:
    return {STATE: [json.dumps(line) for line in (BRIDGE, *lines)]}


def container_lines(state: str = "running") -> list[dict[str, object]]:
    return [
        {
            "kind": "container",
            "name": spec.name,
            "state": state,
            "lab": "minet",
            "student": spec.student,
            "spec": spec.digest,
            "fields": spec.fields,
            "image": spec.image,
        }
        for spec in SPECS
    ]


def image_line(reference: str) -> str:
    repository, tag = reference.split(":")
    return json.dumps({"kind": "image", "identifier": "sha256:1", "repository": repository, "tag": tag})


def image_lines() -> list[dict[str, object]]:
    return [json.loads(image_line(IMAGES["processus"]))]
