"""Containers, networks and images of a container host: desired, observed, and how they differ. No I/O."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256

from minetlab.lab import ContainerHostSettings
from minetlab.plan.allocation import Container
from minetlab.resources.seccomp import PROFILE_NAME
from minetlab.resources.slices import container_slice

LAB_LABEL = "org.minet-lab.lab"
STUDENT_LABEL = "org.minet-lab.student"
SPEC_LABEL = "org.minet-lab.spec"
FIELDS_LABEL = "org.minet-lab.spec.fields"
TP_IMAGE_LABEL = "org.minet-lab.tp-image"
ANY_ADDRESS = "0.0.0.0"  # noqa: S104 (students come from other machines)
# The port and folder of keys of the sshd in every TP image: templates/tp/etc/minet-lab/sshd_config.
CONTAINER_SSH_PORT, ACCESS = 2222, "/run/minet-lab/access"

TP_HOME, TP_ACCOUNTS = "/home/etudiant", "/var/lib/minet-lab"
"""The home folder in every TP image, and the folder to which its passwd(5) and group(5) lead."""
HOME, TERMINALS = "home", ".pts"
"""The folder of a container's file system that is its home folder; the end of the path of its terminals."""
TMP_SIZE = 64
"""The size of a container's /tmp in MiB."""


def lab_folder(lab: str) -> str:
    """Return the folder of a host for files of the lab that Docker does not manage."""
    return f"/var/lib/minet-lab/{lab}"


def docker_bridge(lab: str) -> str:
    """Return the name of the bridge of the lab's Docker network."""
    return f"dbr-{lab}"


def uploads_folder(lab: str) -> str:
    """Return the folder in which a host receives TP images of the lab; it is removed after the import."""
    return f"{lab_folder(lab)}/tp-images"


def access_folder(lab: str) -> str:
    """Return the folder of a host for host keys and authorized keys of containers, one subfolder each."""
    return f"{lab_folder(lab)}/access"


def container_user(ssh_port: int) -> int:
    """Return the number of the user and group as which the container with this port of its host runs."""
    # What the kernel counts by user, such as pending signals and inotify instances, each container has for
    # itself. systemd's UIDS-GIDS gives numbers from here on to nobody.
    return 0x70000000 + ssh_port


def homes_folder(lab: str) -> str:
    """Return the folder of a host with the home folders of a lab's containers."""
    return f"{lab_folder(lab)}/homes"


def home_folder(lab: str, container: str) -> str:
    """Return the path of a container's home folder on the host."""
    # A file system is mounted at the folder above. Without it, there is no such path, and so Docker does not
    # start the container, which would fill the host's disk.
    return f"{homes_folder(lab)}/{container}/{HOME}"


def terminals(lab: str, container: str) -> str:
    """Return the path at which a container's pseudo-terminals are mounted on the host: pts(4)."""
    return f"{homes_folder(lab)}/{container}{TERMINALS}"


@dataclass(frozen=True)
class Spec:
    """Everything that a container is started with.

    :param name: the container's name.
    :param image: reference of its image; the tag is a hash of the image's content.
    :param network: the Docker network that it joins, named after the lab.
    """

    name: str
    image: str
    network: str

    def options(self) -> tuple[str, ...]:
        """Return the options of ``docker run``: see docker-run(1)."""
        raise NotImplementedError

    @property
    def fields(self) -> str:
        """The spec as JSON: kept in a label, so that a later run can show what has changed."""
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def digest(self) -> str:
        """A hash of everything that the container is started with."""
        return sha256(json.dumps([*self.options(), self.image]).encode()).hexdigest()

    def labels(self, lab: str) -> dict[str, str]:
        """Return the labels by which status, comparison and teardown recognize the container."""
        return {LAB_LABEL: lab, SPEC_LABEL: self.digest, FIELDS_LABEL: self.fields}


@dataclass(frozen=True)
class ContainerSpec(Spec):
    """Everything that a student's container is started with.

    :param name: the container's name.
    :param image: reference of its image; the tag is a hash of the image's content.
    :param network: the Docker network that it joins, named after the lab.
    :param student: the student's login.
    :param memory: limit in MiB; the container gets no swap beyond it.
    :param pids: limit of processes and threads.
    :param cpus: limit of processors; None: none.
    :param files: limit of open files of each process.
    :param capabilities: Linux capabilities that the container keeps.
    :param home: folder of the host that is the student's home folder.
    :param address: address of the host on which that port is published.
    :param ssh_port: port of the host that leads to the container's sshd.
    """

    student: str
    memory: int
    pids: int
    cpus: float | None
    files: int
    capabilities: tuple[str, ...]
    home: str
    address: str
    ssh_port: int

    def options(self) -> tuple[str, ...]:
        """Return the options of ``docker run``: see docker-run(1)."""
        # The lab and its network have the same name.
        tp_image = self.name.removeprefix(f"{self.network}-{self.student}-")
        return (
            "--init",
            "--restart=unless-stopped",
            f"--name={self.name}",
            # The prompt shows it: whose container it is, and of which TP.
            f"--hostname={self.student}-{tp_image}",
            f"--network={self.network}",
            f"--user={container_user(self.ssh_port)}:{container_user(self.ssh_port)}",
            "--read-only",
            # Both count as memory of the container.
            f"--tmpfs=/tmp:rw,exec,nosuid,nodev,mode=1777,size={TMP_SIZE}m",
            f"--tmpfs={TP_ACCOUNTS}:rw,noexec,nosuid,nodev,mode=755,uid={container_user(self.ssh_port)},size=64k",
            *publication(self.address, self.ssh_port, CONTAINER_SSH_PORT),
            f"--mount=type=bind,source={access_folder(self.network)}/{self.name},target={ACCESS},readonly",
            f"--mount=type=bind,source={self.home},target={TP_HOME}",
            f"--mount=type=bind,source={terminals(self.network, self.name)},target=/dev/pts",
            f"--cgroup-parent={container_slice(self.network, self.name)}",
            *confinement(self.memory, self.pids, self.cpus, self.files),
            f"--security-opt=seccomp={lab_folder(self.network)}/{PROFILE_NAME}",
            *(f"--cap-add={capability}" for capability in self.capabilities),
        )

    def labels(self, lab: str) -> dict[str, str]:
        """Return the labels of every container, and one with the student's login."""
        return {**super().labels(lab), STUDENT_LABEL: self.student}


def published_on(settings: ContainerHostSettings) -> str:
    """Return the address of a host on which its containers' ports are published."""
    return str(settings.published_on or ANY_ADDRESS)


def publication(address: str, port: int, target: int) -> tuple[str, ...]:
    """Return options of ``docker run`` that publish a port of a container.

    :param address: the address of the host on which to publish it.
    :param port: the port of the host.
    :param target: the port of the container.
    :return: the options.
    """
    # Administrators come through the host itself.
    addresses = (address,) if address == ANY_ADDRESS else (address, "127.0.0.1")
    return tuple(f"--publish={published}:{port}:{target}" for published in addresses)


def confinement(memory: int, pids: int, cpus: float | None, files: int) -> tuple[str, ...]:
    """Return options of ``docker run`` that limit a container and take its privileges.

    :param memory: limit in MiB; the container gets no swap beyond it.
    :param pids: limit of processes and threads.
    :param cpus: limit of processors; None: none.
    :param files: limit of open files of each process.
    :return: the options.
    """
    return (
        f"--memory={memory}m",
        f"--memory-swap={memory}m",
        f"--pids-limit={pids}",
        *([f"--cpus={cpus:g}"] if cpus else []),
        f"--ulimit=nofile={files}:{files}",
        "--security-opt=no-new-privileges",
        "--cap-drop=ALL",
        # Nobody may have sockets for ping: what they receive is memory of the host that no limit counts.
        "--sysctl=net.ipv4.ping_group_range=1 0",
    )


@dataclass(frozen=True)
class ObservedContainer:
    """A container as ``docker ps`` shows it; ``lab`` and the fields after it are empty if no lab made it.

    :param name: the container's name.
    :param image: what it was made from: the image's reference, or its ID.
    :param state: Docker's word: created, running, paused, restarting, removing, exited or dead.
    :param lab: the lab that it belongs to.
    :param student: the student's login; empty if it is no student's container.
    :param spec: the hash of the spec from which it was created.
    :param fields: that spec as JSON.
    """

    name: str
    state: str
    lab: str
    student: str = ""
    spec: str = ""
    fields: str = ""
    image: str = ""


@dataclass(frozen=True)
class ObservedImage:
    """A tag of an image with the lab's label; ``reference`` is empty if the image is dangling: has no tag."""

    identifier: str
    reference: str


@dataclass(frozen=True)
class DockerObserved:
    """What the dockerd of a host has.

    :param installed: whether the host has Docker at all.
    :param up: whether dockerd's service is active, and will be after a reboot.
    :param answers: whether dockerd answers; if not, the fields below are empty.
    :param containers: all containers of the host, by name.
    :param networks: all networks of the host: name to lab, which is empty if no lab made it.
    :param images: tags of the lab's images.
    :param folder: whether the lab's folder exists: see :func:`lab_folder`.
    :param uploads: whether an interrupted run has left its folder of received TP images.
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
        """Whether Docker is installed but does not answer, so that nothing is known of what it has."""
        return self.installed and not self.answers

    def containers_of(self, lab: str) -> tuple[str, ...]:
        """Return the names of the lab's containers."""
        return tuple(sorted(container.name for container in self.containers.values() if container.lab == lab))

    def other_labs(self, lab: str) -> tuple[str, ...]:
        """Return the other labs that have a container or a network on the host."""
        labs = {*(container.lab for container in self.containers.values()), *self.networks.values()}
        return tuple(sorted(labs - {"", lab}))


@dataclass(frozen=True)
class ContainerChanges:
    """How the observed containers differ from the desired ones.

    :param create: specs of containers that do not exist.
    :param recreate: containers that were created from another spec, or are dead, each with its desired spec.
    :param start: names of containers that are as desired, but do not run.
    :param unpause: names of containers that are as desired, but paused.
    :param foreign: desired names that containers outside the lab have.
    :param unplanned: students' containers of the lab that are no longer planned. They are left alone, as they
        hold a student's work.
    """

    create: tuple[Spec, ...] = ()
    recreate: tuple[tuple[ObservedContainer, Spec], ...] = ()
    start: tuple[str, ...] = ()
    unpause: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    unplanned: tuple[str, ...] = ()


def container_specs(
    lab: str, containers: Iterable[Container], settings: ContainerHostSettings, images: Mapping[str, str]
) -> tuple[ContainerSpec, ...]:
    """Return the specs of a host's containers.

    :param lab: the lab's name, which its Docker network has as well.
    :param containers: the planned containers.
    :param settings: the host's settings: where they answer, and what each of them may use.
    :param images: reference of each TP image, by the TP image's name.
    :return: the specs, in the same order.
    """
    limits = settings.container
    return tuple(
        ContainerSpec(
            name=container.name,
            student=container.student.login,
            image=images[container.tp_image],
            network=lab,
            memory=limits.memory,
            pids=limits.pids,
            cpus=limits.cpus,
            files=limits.files,
            capabilities=limits.capabilities,
            home=home_folder(lab, container.name),
            address=published_on(settings),
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

    :param lab: the lab's name.
    :param desired: specs of the containers that shall run.
    :param observed: all containers of the host, by name.
    :param neighbours: names of containers that are planned too, but not to be changed.
    :return: the differences.
    """
    specs = {spec.name: spec for spec in desired}
    planned = {*specs, *neighbours}
    existing = {name: observed[name] for name in specs if name in observed}
    ours = {name: container for name, container in existing.items() if container.lab == lab}
    outdated = {
        name
        for name, container in ours.items()
        if container.spec != specs[name].digest or container.state == "dead"
    }
    states = {name: container.state for name, container in ours.items() if name not in outdated}
    unplanned = [
        name
        for name, container in observed.items()
        if container.lab == lab and container.student and name not in planned
    ]
    return ContainerChanges(
        create=tuple(spec for name, spec in specs.items() if name not in observed),
        recreate=tuple((ours[name], specs[name]) for name in sorted(outdated)),
        start=tuple(name for name, state in states.items() if state in {"created", "exited"}),
        unpause=tuple(name for name, state in states.items() if state == "paused"),
        foreign=tuple(sorted(existing.keys() - ours.keys())),
        unplanned=tuple(sorted(unplanned)),
    )


def field_changes(observed: ObservedContainer, spec: Spec) -> tuple[tuple[str, str, str], ...]:
    """Return the fields in which a container differs from its spec: name, old and new value, as JSON."""
    old, new = _parsed(observed.fields), _parsed(spec.fields)
    return tuple(
        (name, json.dumps(old.get(name)), json.dumps(new.get(name)))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )


def keeps_home(observed: ObservedContainer) -> bool:
    """Tell whether what a student has in a container's home folder outlives the container."""
    return "home" in _parsed(observed.fields)


def unused_images(observed: DockerObserved, wanted: Iterable[str]) -> tuple[str, ...]:
    """Return the lab's images that are not wanted, and that no container of the host was made from.

    :param observed: what the host's dockerd has.
    :param wanted: references of the images that the plan needs.
    :return: references of the unused images, or IDs where they have no tag.
    """
    used = {*wanted, *(container.image for container in observed.containers.values())}
    return tuple(
        image.reference or image.identifier
        for image in observed.images
        if used.isdisjoint((image.reference, image.identifier))
    )


def _parsed(fields: str) -> dict[str, object]:
    """Return the fields of a label; none if somebody has changed the label to something else."""
    try:
        value = json.loads(fields)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
