"""What a container host has to hold, and how that differs from what it holds. No I/O."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256

from minetlab.lab import ContainerLimits
from minetlab.plan.allocation import Container

LAB_LABEL = "org.minet-lab.lab"
STUDENT_LABEL = "org.minet-lab.student"
SPEC_LABEL = "org.minet-lab.spec"
FIELDS_LABEL = "org.minet-lab.spec.fields"
TP_IMAGE_LABEL = "org.minet-lab.tp-image"
# Of every TP image's sshd: templates/tp/etc/minet-lab/sshd_config.
SSH_PORT, ACCESS = 2222, "/run/minet-lab/access"


def lab_folder(lab: str) -> str:
    """Where a host keeps what is the lab's and not Docker's."""
    return f"/var/lib/minet-lab/{lab}"


def uploads_folder(lab: str) -> str:
    """Where a host receives the lab's TP images; gone once they are imported."""
    return f"{lab_folder(lab)}/tp-images"


def access_folder(lab: str) -> str:
    """Where a host keeps the keys that containers are opened with, and prove themselves by: a folder each."""
    return f"{lab_folder(lab)}/access"


@dataclass(frozen=True)
class Spec:
    """All that makes one container what it is.

    :param image: reference of its image, whose tag is its content hash.
    """

    name: str
    image: str
    network: str

    def options(self) -> tuple[str, ...]:
        """The options of ``docker run``, in docker-run(1)'s words."""
        raise NotImplementedError

    @property
    def fields(self) -> str:
        """The spec as JSON, kept as a label so that a later run can say what has changed."""
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def digest(self) -> str:
        """A hash of all that the container is started with."""
        return sha256(json.dumps([*self.options(), self.image]).encode()).hexdigest()

    def labels(self, lab: str) -> dict[str, str]:
        """The labels by which status, comparison and teardown know it."""
        return {LAB_LABEL: lab, SPEC_LABEL: self.digest, FIELDS_LABEL: self.fields}


@dataclass(frozen=True)
class ContainerSpec(Spec):
    """A student's container.

    :param memory: MiB; swap is not allowed on top.
    :param pids: processes and threads.
    :param capabilities: those it keeps.
    :param ssh_port: of the host, on which it answers SSH.
    """

    student: str
    memory: int
    pids: int
    capabilities: tuple[str, ...]
    ssh_port: int

    def options(self) -> tuple[str, ...]:
        """The options of ``docker run``, in docker-run(1)'s words."""
        return (
            "--init",
            "--restart=unless-stopped",
            f"--name={self.name}",
            f"--hostname={self.student}",
            f"--network={self.network}",
            f"--publish={self.ssh_port}:{SSH_PORT}",
            # The lab and its network have the same name.
            f"--mount=type=bind,source={access_folder(self.network)}/{self.name},target={ACCESS},readonly",
            *confinement(self.memory, self.pids),
            *(f"--cap-add={capability}" for capability in self.capabilities),
        )

    def labels(self, lab: str) -> dict[str, str]:
        """The labels by which status, comparison and teardown know it, and whose it is."""
        return {**super().labels(lab), STUDENT_LABEL: self.student}


def confinement(memory: int, pids: int) -> tuple[str, ...]:
    """The options that keep a container within limits, and without privileges.

    :param memory: MiB; swap is not allowed on top.
    :param pids: processes and threads.
    """
    return (
        f"--memory={memory}m",
        f"--memory-swap={memory}m",
        f"--pids-limit={pids}",
        "--security-opt=no-new-privileges",
        "--cap-drop=ALL",
    )


@dataclass(frozen=True)
class ObservedContainer:
    """A container as ``docker ps`` shows it; ``lab`` is empty where it is not ours.

    :param state: Docker's own word: created, running, paused, restarting, removing, exited or dead.
    :param fields: the spec's JSON it was created from.
    """

    name: str
    state: str
    lab: str
    student: str = ""
    spec: str = ""
    fields: str = ""


@dataclass(frozen=True)
class ObservedImage:
    """One tag of a container image that carries the lab's label; dangling ones have no tag."""

    identifier: str
    reference: str


@dataclass(frozen=True)
class DockerObserved:
    """What one host's dockerd holds.

    :param installed: whether the host has Docker at all.
    :param up: whether its service is active, and will be after a reboot.
    :param answers: whether dockerd was there to be asked.
    :param containers: all of the host, by name.
    :param networks: all of the host: name to lab, which is empty where it is not ours.
    :param images: the lab's.
    :param folder: whether the lab has a folder there.
    :param uploads: whether files of an interrupted run are left in it.
    """

    installed: bool = False
    up: bool = False
    answers: bool = False
    containers: Mapping[str, ObservedContainer] = field(default_factory=dict)
    networks: Mapping[str, str] = field(default_factory=dict)
    images: tuple[ObservedImage, ...] = ()
    folder: bool = False
    uploads: bool = False

    @property
    def silent(self) -> bool:
        """Whether Docker is there and does not answer, so that nothing is known of what it has."""
        return self.installed and not self.answers

    def containers_of(self, lab: str) -> tuple[str, ...]:
        """The names of the lab's containers."""
        return tuple(sorted(each.name for each in self.containers.values() if each.lab == lab))

    def other_labs(self, lab: str) -> tuple[str, ...]:
        """The labs that have a container or a network there, but this one."""
        labs = {*(each.lab for each in self.containers.values()), *self.networks.values()}
        return tuple(sorted(labs - {"", lab}))


@dataclass(frozen=True)
class ContainerChanges:
    """What it takes to get from the observed containers to the desired ones.

    :param create: nothing of that name is there.
    :param recreate: it is there with another spec: what was observed, and what shall be.
    :param start: right, but not running.
    :param unpause: right, but paused.
    :param foreign: names that containers of somebody else have taken.
    :param unplanned: the lab's, but not planned any more: left alone, as they are some student's work.
    """

    create: tuple[Spec, ...] = ()
    recreate: tuple[tuple[ObservedContainer, Spec], ...] = ()
    start: tuple[str, ...] = ()
    unpause: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    unplanned: tuple[str, ...] = ()


def container_specs(
    lab: str, containers: Iterable[Container], limits: ContainerLimits, images: Mapping[str, str]
) -> tuple[ContainerSpec, ...]:
    """The specs of a host's containers.

    :param images: TP image name to reference.
    """
    return tuple(
        ContainerSpec(
            name=container.name,
            student=container.student.login,
            image=images[container.tp_image],
            network=lab,
            memory=limits.memory,
            pids=limits.pids,
            capabilities=limits.capabilities,
            ssh_port=container.ssh_port,
        )
        for container in containers
    )


def compare(
    lab: str,
    desired: Iterable[Spec],
    observed: Mapping[str, ObservedContainer],
    neighbours: Iterable[str] = (),
) -> ContainerChanges:
    """Compare desired and observed containers, by name.

    :param neighbours: those that are planned as well, and none of these.
    """
    specs = {spec.name: spec for spec in desired}
    planned = {*specs, *neighbours}
    known = {name: observed[name] for name in specs if name in observed}
    ours = {name: container for name, container in known.items() if container.lab == lab}
    outdated = {
        name for name, each in ours.items() if each.spec != specs[name].digest or each.state == "dead"
    }
    current = {name: each.state for name, each in ours.items() if name not in outdated}
    return ContainerChanges(
        create=tuple(spec for name, spec in specs.items() if name not in observed),
        recreate=tuple((ours[name], specs[name]) for name in sorted(outdated)),
        start=tuple(name for name, state in current.items() if state in {"created", "exited"}),
        unpause=tuple(name for name, state in current.items() if state == "paused"),
        foreign=tuple(sorted(known.keys() - ours.keys())),
        unplanned=tuple(
            sorted(
                name
                for name, each in observed.items()
                if each.lab == lab and each.student and name not in planned
            )
        ),
    )


def field_changes(observed: ObservedContainer, spec: Spec) -> tuple[tuple[str, str, str], ...]:
    """Which fields of the spec have changed: name, old and new value, as JSON."""
    old, new = _parsed(observed.fields), _parsed(spec.fields)
    return tuple(
        (name, json.dumps(old.get(name)), json.dumps(new.get(name)))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )


def superseded(observed: DockerObserved, wanted: Iterable[str]) -> tuple[str, ...]:
    """The lab's images that nothing refers to any more: neither the plan nor a container of the host."""
    used = {*wanted, *(_parsed(container.fields).get("image") for container in observed.containers.values())}
    return tuple(
        image.reference or image.identifier for image in observed.images if image.reference not in used
    )


def _parsed(fields: str) -> dict[str, object]:
    """The fields of a label; nothing where somebody has spoilt it."""
    try:
        found = json.loads(fields)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
