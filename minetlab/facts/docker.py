"""Facts about a container host: everything about dockerd in one command, whatever the number of students."""

import json
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase

from minetlab.resources.docker import (
    FIELDS_LABEL,
    LAB_LABEL,
    SPEC_LABEL,
    STUDENT_LABEL,
    DockerObserved,
    ObservedContainer,
    ObservedImage,
    access_folder,
    lab_folder,
    uploads_folder,
)
from minetlab.resources.dockerd import DAEMON_CONFIG, DaemonState
from minetlab.resources.site import sites_folder

SERVICE = "docker.service"


class DockerState(FactBase[DockerObserved]):
    """All containers and networks of the host, and the images of one lab.

    A host without Docker gives an empty state, one whose dockerd does not answer an empty state that says so.
    """

    def command(self, lab: str) -> str:
        """Ask dockerd for everything, as lines of JSON."""
        container = _line(
            "container",
            name=".Names",
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
            "command -v docker >/dev/null || exit 0; "
            f"systemctl --quiet is-active {SERVICE} && systemctl --quiet is-enabled {SERVICE}"
            """ && echo '{"kind":"service"}'; """
            f"docker container ls --all --no-trunc --format {shlex.quote(container)} 2>/dev/null"
            ' || { echo \'{"kind":"silence"}\'; exit 0; }; '
            f"docker network ls --no-trunc --format {shlex.quote(network)} && "
            f"docker image ls --no-trunc --filter {of_lab} --format {shlex.quote(image)} && "
            f'if test -d {shlex.quote(lab_folder(lab))}; then echo \'{{"kind":"folder"}}\'; fi && '
            f'if test -d {shlex.quote(uploads_folder(lab))}; then echo \'{{"kind":"uploads"}}\'; fi'
        )

    @staticmethod
    def default() -> DockerObserved:
        """Say that Docker is not there."""
        return DockerObserved()

    def process(self, output: Iterable[str]) -> DockerObserved:
        """Read the lines.

        :raises FactProcessError: one of them is not what was asked for.
        """
        try:
            return _observed([json.loads(line) for line in output if line.strip()])
        except (ValueError, KeyError, TypeError) as error:
            raise FactProcessError(f"docker's answer cannot be read: {error!r}") from error


class AccessFiles(FactBase[Mapping[str, str]]):
    """The files in the folders of a lab's keys on a container host: path below that folder, to SHA-256."""

    def command(self, lab: str) -> str:
        """Hash them."""
        folder = shlex.quote(access_folder(lab))
        return f"cd {folder} 2>/dev/null && find . -type f -exec sha256sum {{}} + || true"

    @staticmethod
    def default() -> Mapping[str, str]:
        """Say that there are none."""
        return {}

    def process(self, output: Iterable[str]) -> Mapping[str, str]:
        """Read the sums."""
        return {
            path.removeprefix("./"): digest for digest, path in (line.split(maxsplit=1) for line in output)
        }


class SiteFolders(FactBase[tuple[str, ...]]):
    """What is in the folder of a lab's TP site, by name: revisions, the status, and leftovers."""

    def command(self, lab: str) -> str:
        """List it."""
        return f"ls -A {shlex.quote(sites_folder(lab))} 2>/dev/null || true"

    @staticmethod
    def default() -> tuple[str, ...]:
        """Say that there are none."""
        return ()

    def process(self, output: Iterable[str]) -> tuple[str, ...]:
        """Read the names."""
        return tuple(line for line in output if line)


class DockerRoom(FactBase[int]):
    """Bytes free where dockerd keeps its images; 0 where that cannot be told."""

    def command(self) -> str:
        """Ask dockerd for the folder, and the file system for its room."""
        return "df --output=avail --block-size=1 \"$(docker info --format '{{.DockerRootDir}}')\" | tail -n 1"

    @staticmethod
    def default() -> int:
        """Say that it cannot be told."""
        return 0

    def process(self, output: Iterable[str]) -> int:
        """Read the number."""
        return int("".join(output))


class DaemonConfig(FactBase[DaemonState]):
    """The content of /etc/docker/daemon.json, and whether the running dockerd has read it."""

    def command(self) -> str:
        """Print whether the file is stale, then the file."""
        # dockerd writes its pid file as it starts: a run interrupted before the restart is so found out.
        return (
            f"test -e {DAEMON_CONFIG} || exit 0; "
            f"test {DAEMON_CONFIG} -nt /run/docker.pid && echo stale || echo read; cat {DAEMON_CONFIG}"
        )

    @staticmethod
    def default() -> DaemonState:
        """Say that there is no file."""
        return DaemonState()

    def process(self, output: Iterable[str]) -> DaemonState:
        """Read the file; what cannot be read is said."""
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
    """A Go template that prints one object as a line of JSON."""
    values = ",".join(f'"{name}":{{{{json {expression}}}}}' for name, expression in fields.items())
    return f'{{"kind":"{kind}",{values}}}'


def _label(name: str) -> str:
    return f'(.Label "{name}")'


def _observed(lines: list[dict[str, Any]]) -> DockerObserved:
    kinds = ("service", "silence", "container", "network", "image", "folder", "uploads")
    of: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
    for line in lines:
        of[line.pop("kind")].append(line)
    if of["silence"]:
        return DockerObserved(installed=True, up=bool(of["service"]))
    return DockerObserved(
        installed=True,
        up=bool(of["service"]),
        answers=True,
        containers={line["name"]: ObservedContainer(**line) for line in of["container"]},
        networks={line["name"]: line["lab"] for line in of["network"]},
        images=tuple(
            ObservedImage(line["identifier"], _reference(line["repository"], line["tag"]))
            for line in of["image"]
        ),
        folder=bool(of["folder"]),
        uploads=bool(of["uploads"]),
    )


def _reference(repository: str, tag: str) -> str:
    return "" if "<none>" in (repository, tag) else f"{repository}:{tag}"
