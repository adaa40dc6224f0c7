"""Facts about a container host. Each is one command, whatever the number of students."""

import json
import shlex
from typing import Any

from minetlab.facts.base import HostFact
from minetlab.resources.docker import (
    FIELDS_LABEL,
    LAB_LABEL,
    SPEC_LABEL,
    STUDENT_LABEL,
    DockerObserved,
    ObservedContainer,
    ObservedImage,
    lab_folder,
    uploads_folder,
)
from minetlab.resources.dockerd import DAEMON_CONFIG, DaemonState
from minetlab.resources.slices import daemon_files

SERVICE = "docker.service"


class DockerState(HostFact[DockerObserved]):
    """All containers and networks of a host, and the images of one lab.

    If the host has no Docker, or dockerd does not answer, the state says so and is otherwise empty.
    """

    default = DockerObserved

    def command(self, lab: str) -> str:
        """Return a command that prints everything as lines of JSON, each with its ``kind``."""
        container = _line(
            "container",
            name=".Names",
            image=".Image",
            state=".State",
            lab=_label(LAB_LABEL),
            student=_label(STUDENT_LABEL),
            spec=_label(SPEC_LABEL),
            fields=_label(FIELDS_LABEL),
        )
        network = _line("network", name=".Name", lab=_label(LAB_LABEL))
        image = _line("image", identifier=".ID", repository=".Repository", tag=".Tag")
        of_lab = shlex.quote(f"label={LAB_LABEL}={lab}")
        return (
            f'if test -d {shlex.quote(lab_folder(lab))}; then echo \'{{"kind":"folder"}}\'; fi; '
            f'if test -d {shlex.quote(uploads_folder(lab))}; then echo \'{{"kind":"uploads"}}\'; fi; '
            "command -v docker >/dev/null || exit 0; "
            f"systemctl --quiet is-active {SERVICE} && systemctl --quiet is-enabled {SERVICE}"
            """ && echo '{"kind":"service"}'; """
            f"docker container ls --all --no-trunc --format {shlex.quote(container)} 2>/dev/null"
            ' || { echo \'{"kind":"silence"}\'; exit 0; }; '
            f"docker network ls --no-trunc --format {shlex.quote(network)} && "
            f"docker image ls --no-trunc --filter {of_lab} --format {shlex.quote(image)}"
        )

    def parse(self, output: list[str]) -> DockerObserved:
        """Parse the lines of JSON."""
        return _observed([json.loads(line) for line in output if line.strip()])


class DockerRoom(HostFact[int]):
    """Bytes free where dockerd keeps its images; 0 if unknown."""

    default = int

    def command(self) -> str:
        """Return a command that asks dockerd for its folder, and df(1) for the free space there."""
        return "df --output=avail --block-size=1 \"$(docker info --format '{{.DockerRootDir}}')\" | tail -n 1"

    def parse(self, output: list[str]) -> int:
        """Parse the number of bytes."""
        return int("".join(output))


class DaemonConfig(HostFact[DaemonState]):
    """The configuration in /etc/docker/daemon.json, and whether dockerd was started since it is as it is."""

    default = DaemonState

    def command(self) -> str:
        """Return a command that prints ``stale`` or ``read``, then the file; nothing if there is no file."""
        # dockerd writes its PID file when it starts. It has not read a newer file, such as where a run was
        # interrupted before the restart.
        newer = " || ".join(f"test {file} -nt /run/docker.pid" for file in (DAEMON_CONFIG, *daemon_files()))
        return (
            f"test -e {DAEMON_CONFIG} || exit 0; "
            f"if {newer}; then echo stale; else echo read; fi; cat {DAEMON_CONFIG}"
        )

    def parse(self, output: list[str]) -> DaemonState:
        """Parse the output; ``fault`` of the result says if the file is not a JSON object."""
        freshness, *lines = [*output] or [""]
        if not freshness:
            return DaemonState()
        try:
            config = json.loads("\n".join(lines))
        except ValueError as error:
            return DaemonState(fault=f"{DAEMON_CONFIG} is not JSON: {error}")
        if not isinstance(config, dict):
            return DaemonState(fault=f"{DAEMON_CONFIG} is not a JSON object")
        return DaemonState(config, stale=freshness == "stale")


def _line(kind: str, **fields: str) -> str:
    """Return a Go template that prints an object as a line of JSON, each field by its Go expression."""
    values = ",".join(f'"{name}":{{{{json {expression}}}}}' for name, expression in fields.items())
    return f'{{"kind":"{kind}",{values}}}'


def _label(name: str) -> str:
    return f'(.Label "{name}")'


def _observed(lines: list[dict[str, Any]]) -> DockerObserved:
    kinds = ("service", "silence", "container", "network", "image", "folder", "uploads")
    by_kind: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
    for line in lines:
        if not all(isinstance(value, str) for value in line.values()):
            raise TypeError(f"not a text: {line}")
        by_kind[line.pop("kind")].append(line)
    # A dockerd that answers has networks at least, such as "host".
    installed = any(some for kind, some in by_kind.items() if kind not in ("folder", "uploads"))
    return DockerObserved(
        installed=installed,
        up=bool(by_kind["service"]),
        answers=installed and not by_kind["silence"],
        containers={line["name"]: ObservedContainer(**line) for line in by_kind["container"]},
        networks={line["name"]: line["lab"] for line in by_kind["network"]},
        images=tuple(
            ObservedImage(line["identifier"], _reference(line["repository"], line["tag"]))
            for line in by_kind["image"]
        ),
        folder=bool(by_kind["folder"]),
        uploads=bool(by_kind["uploads"]),
    )


def _reference(repository: str, tag: str) -> str:
    return "" if "<none>" in (repository, tag) else f"{repository}:{tag}"
