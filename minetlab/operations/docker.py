"""Operations on a container host's dockerd, its networks and containers."""

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from io import StringIO
from types import MappingProxyType

from pyinfra.api.command import FileUploadCommand, PyinfraCommand, QuoteString, StringCommand
from pyinfra.context import host, state

from minetlab.facts.autoload import Autoload
from minetlab.facts.docker import SERVICE, DaemonConfig
from minetlab.facts.homes import Homes
from minetlab.facts.slices import SliceLimits
from minetlab.lab import ContainerHostSettings
from minetlab.lab.settings import AddressPool
from minetlab.operations import autoload, homes, observe, slices
from minetlab.operations.commands import first_pass, lab_operation, show_diff, warn
from minetlab.operations.shell import install_text, side_by_side
from minetlab.plan import Container
from minetlab.resources.docker import (
    LAB_LABEL,
    ContainerChanges,
    DockerObserved,
    Spec,
    compare,
    container_specs,
    docker_bridge,
    field_changes,
    keeps_home,
    lab_folder,
)
from minetlab.resources.dockerd import (
    DAEMON_CONFIG,
    REPAIR_CONFIG,
    SAME_POOLS,
    DaemonState,
    foreign_pools,
    pools_conflict,
    pools_setting,
)
from minetlab.resources.homes import HomesObserved
from minetlab.resources.seccomp import PROFILE, PROFILE_NAME
from minetlab.resources.slices import DAEMONS
from minetlab.tp import tp_images
from minetlab.util.errors import LabError
from minetlab.util.names import named
from minetlab.util.render import render

DOCKERD_START_LIMIT = 300
"""Seconds that dockerd may take to start; on an emulated host it takes some 20."""


@lab_operation
def daemon(lab: str, address_pools: tuple[AddressPool, ...]) -> Iterator[PyinfraCommand]:
    """Have the lab's settings in dockerd's configuration, and a running dockerd that has read them.

    What dockerd does for containers leaves the processors to them: it has a slice with a weight.
    Other settings of the administrator stay. The operation fails if another lab on the host has other address
    pools. If dockerd refuses the new configuration, the present one stays; that of Debian 12 cannot check it.

    :param lab: the lab's name.
    :param address_pools: from which dockerd takes addresses for Docker networks.
    :yields: the commands.
    """
    observed = observe.fact(DaemonConfig)
    _require_configurable(lab, observed, address_pools)
    desired = {**(observed.config or {}), **daemon_settings(address_pools)}
    if observed.config != desired and state.config.DIFF and first_pass():
        show_diff(DAEMON_CONFIG, _pretty(observed.config or {}), _pretty(desired))
    yield from observe.changing(_configured(desired, observed), otherwise="dockerd has its configuration")


def _configured(desired: dict[str, object], observed: DaemonState) -> Iterator[PyinfraCommand]:
    changes: list[PyinfraCommand] = [*slices.hold_back_daemons()]
    if observed.config != desired:
        new = f"{DAEMON_CONFIG}.new"
        changes += (
            StringCommand("install", "--directory", "/etc/docker"),
            FileUploadCommand(StringIO(_pretty(desired)), new),
            StringCommand(f"{_validated(new)} && chmod 0644 {new} && mv --force {new} {DAEMON_CONFIG}"),
        )
    yield from changes
    if changes or observed.stale:
        # Once for both: systemd lets docker.service start three times in a minute.
        yield _systemctl("restart", *DAEMONS)


@lab_operation
def service(lab: str) -> Iterator[PyinfraCommand]:
    """Have dockerd run, now and after a reboot."""
    commands = [] if observe.docker(lab).up else [_systemctl("enable --now", SERVICE)]
    yield from observe.changing(commands, otherwise="dockerd runs, and is enabled")


def _systemctl(verb: str, *units: str) -> StringCommand:
    """Return a command that lets systemd start dockerd, and shows its status if that fails."""
    return StringCommand(
        f"timeout {DOCKERD_START_LIMIT} systemctl {verb} {' '.join(units)}"
        f" || {{ systemctl --no-pager --full status {SERVICE} >&2; exit 1; }}"
    )


def _require_configurable(lab: str, observed: DaemonState, pools: tuple[AddressPool, ...]) -> None:
    if observed.fault:
        raise LabError(f"{host.name}: {observed.fault}", next_step=REPAIR_CONFIG)
    # A host that is set up is asked for nothing more.
    other_pools = foreign_pools(observed.config, pools)
    if other_pools and (labs := observe.docker(lab).other_labs(lab)):
        raise LabError(f"{host.name}: {pools_conflict(other_pools, pools, labs)}", next_step=SAME_POOLS)


@lab_operation
def containers(
    lab: str,
    containers: tuple[Container, ...],
    settings: ContainerHostSettings,
    neighbours: tuple[Container, ...] = (),
) -> Iterator[PyinfraCommand]:
    """Have students' containers run on the lab's network; replace those whose spec has changed.

    Other containers of the lab are named in a warning, and left alone.

    :param lab: the lab's name.
    :param containers: the containers to run.
    :param settings: the host's settings: where they answer, and what each of them may use.
    :param neighbours: containers that are planned too, but neither changed nor warned of.
    :yields: the commands.
    """
    observed = observe.docker(lab)
    images = tp_images.references(lab, {container.tp_image for container in containers})
    specs = container_specs(lab, containers, settings, images)
    files = {f"{lab_folder(lab)}/{PROFILE_NAME}": PROFILE}
    yield from run_commands(lab, observed, specs, (container.name for container in neighbours), files)


def run_commands(
    lab: str,
    observed: DockerObserved,
    specs: Iterable[Spec],
    neighbours: Iterable[str] = (),
    files: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[PyinfraCommand]:
    """Have containers run on the lab's network, and yield the commands for it.

    :param lab: the lab's name.
    :param observed: what the host's dockerd has.
    :param specs: the containers as desired.
    :param neighbours: names of containers that are planned too, but neither changed nor warned of.
    :param files: content by path of what docker-run(1) reads on the host; written where it makes a container.
    :yields: the commands.
    :raises LabError: dockerd does not answer, or somebody else has the name of the network or a container.
    """
    observe.require_answer(observed)
    if observed.networks.get(lab, lab) != lab:
        raise LabError(
            f"{host.name}: a Docker network {lab!r} is there that is not the lab's",
            next_step=f"remove it (docker network rm {lab}), or give the lab another lab_name",
        )
    changes = compare(lab, specs, observed.containers, neighbours)
    if first_pass():
        _announce(changes)
    if lab not in observed.networks:
        yield from observe.changing([_create_network(lab)])
    yield from observe.changing(_converge(lab, changes, files), otherwise="every container runs as specified")


@lab_operation
def teardown(lab: str) -> Iterator[PyinfraCommand]:
    """Remove every container, image, network and file of the lab from the host, and nothing else."""
    observed = observe.docker(lab)
    observe.refuse_silence(observed)
    commands = _removal(lab, observed, observe.fact(Homes, lab=lab))
    if observe.fact(SliceLimits, lab=lab):
        commands.append(slices.removal(lab))
    if not observed.other_labs(lab):
        commands += autoload.removal(observe.fact(Autoload))
    yield from observe.changing(commands, otherwise="nothing of the lab is there")


def _removal(lab: str, observed: DockerObserved, observed_homes: HomesObserved) -> list[StringCommand]:
    removals = (
        ("container rm --force --volumes", observed.containers_of(lab)),
        ("network rm", sorted(name for name, owner in observed.networks.items() if owner == lab)),
        ("image rm", [image.reference or image.identifier for image in observed.images]),
    )
    commands = [
        StringCommand("docker", command, *map(QuoteString, names)) for command, names in removals if names
    ]
    commands += homes.removal_of_all(lab, observed_homes)
    return [*commands, remove_folder(lab_folder(lab))] if observed.folder else commands


def remove_folder(folder: str) -> StringCommand:
    """Return a command that removes a folder, and those of its parents that are then empty."""
    remove_parents = ("&& rmdir -p --ignore-fail-on-non-empty", QuoteString(folder.rpartition("/")[0]))
    return StringCommand("rm -rf", QuoteString(folder), *remove_parents)


def _create_network(lab: str) -> StringCommand:
    # Students' containers reach the outside, but not each other.
    options = (f"name={docker_bridge(lab)}", "enable_icc=false")
    words = (
        *(f"--opt=com.docker.network.bridge.{option}" for option in options),
        f"--label={LAB_LABEL}={lab}",
    )
    return StringCommand("docker network create", *map(QuoteString, (*words, lab)))


def _converge(lab: str, changes: ContainerChanges, files: Mapping[str, str]) -> Iterator[PyinfraCommand]:
    remove = "docker container rm --force --volumes"
    scripts = [f"{remove} {shlex.quote(old.name)} && {_run(lab, spec)}" for old, spec in changes.recreate]
    scripts += [_run(lab, spec) for spec in changes.create]
    if scripts:
        yield from (install_text(content, path) for path, content in files.items())
        yield side_by_side(scripts)
    for command, names in (("start", changes.start), ("unpause", changes.unpause)):
        if names:
            yield StringCommand("docker", "container", command, *map(QuoteString, names))
    if changes.foreign:
        raise LabError(
            f"{host.name}: containers of somebody else have these names: {named(changes.foreign)}",
            next_step="rename or remove them (docker container rename, docker container rm)",
        )


def _run(lab: str, spec: Spec) -> str:
    labels = (f"--label={key}={value}" for key, value in spec.labels(lab).items())
    return shlex.join(("docker", "run", "--detach", *spec.options(), *labels, spec.image))


def _announce(changes: ContainerChanges) -> None:
    if state.config.DIFF:
        for observed, spec in changes.recreate:
            host.log(f"{spec.name} is replaced:")
            for name, old, new in field_changes(observed, spec):
                host.log_styled(f"  - {name}: {old}", fg="red")
                host.log_styled(f"  + {name}: {new}", fg="green")
    kept = [spec.name for observed, spec in changes.recreate if keeps_home(observed)]
    if lost := [spec.name for _, spec in changes.recreate if spec.name not in kept]:
        warn(f"made anew, with nothing in them: {named(lost)}")
    if kept:
        warn(f"made anew, but for their home folders: {named(kept)}")
    if changes.unplanned:
        warn(
            f"not in the roster, so not touched: {named(changes.unplanned)}\n"
            "  → to remove one with all its content: docker container rm --force NAME"
        )


def _validated(config: str) -> str:
    # The dockerd of Debian 12 has no --validate.
    check = (
        f"if dockerd --help | grep --quiet -e --validate; then dockerd --validate --config-file={config}; fi"
    )
    next_step = f"  → correct what {DAEMON_CONFIG} says beyond the lab's settings"
    return f"{{ {check}; }} || {{ rm {config}; echo {shlex.quote(next_step)} >&2; false; }}"


def daemon_settings(address_pools: tuple[AddressPool, ...]) -> dict[str, object]:
    """Return the lab's settings for dockerd: ``templates/docker/daemon.json.j2``, rendered."""
    return dict(json.loads(render("docker/daemon.json.j2", address_pools=pools_setting(address_pools))))


def _pretty(config: dict[str, object]) -> str:
    return json.dumps(config, indent=2) + "\n"
