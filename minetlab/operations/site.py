"""Operations on the TP site: its web server's image and its pages, and the container that serves them."""

from pyinfra.api.command import FileUploadCommand, QuoteString, StringCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from minetlab.facts.docker import AccessFiles, SiteFolders
from minetlab.lab import Lab
from minetlab.operations import observe, specs
from minetlab.operations.access import write_commands
from minetlab.operations.commands import Commands, failure
from minetlab.operations.docker import run_commands, unanswered
from minetlab.operations.shell import all_of
from minetlab.operations.tp_images import arrived_whole, load_commands
from minetlab.plan import Plan
from minetlab.resources.access import outdated
from minetlab.resources.site import (
    STATUS,
    UID,
    container_name,
    site_spec,
    sites_folder,
    status_folder,
    users_folder,
    web_servers,
)
from minetlab.site import build, server
from minetlab.util.errors import LabError


@operation()
def image(lab: str) -> Commands:
    """Have the web server's image on the host."""
    observed = observe.docker(lab)
    spec = server.spec(lab)
    if spec.reference in {each.reference for each in observed.images}:
        host.noop("the web server's image is there")
        return
    if problem := unanswered(observed):
        yield failure(problem)
        return
    yield from observe.changing(load_commands(lab, {spec: server.recipe()}))


@operation()
def serve(lab: Lab, plan: Plan, port: int) -> Commands:
    """Have the lab's site on the host, who is let into it, and the web server that serves it; older sites go.

    :param port: of the host.
    """
    yield from observe.changing(_served(lab, plan, port))


def _served(lab: Lab, plan: Plan, port: int) -> Commands:
    observed = observe.docker(lab.name)
    there = host.get_fact(SiteFolders, lab=lab.name)
    known = host.get_fact(AccessFiles, lab=lab.name)
    try:
        made = build.site_of(lab, plan)
        if made.revision not in there:
            yield from _received(lab.name, made)
        let_in = specs.site_users(lab)
    except LabError as error:
        yield failure(error)
        return
    if STATUS not in there:
        yield StringCommand("install --directory --mode=0755", QuoteString(status_folder(lab.name)))
    yield from write_commands(lab.name, outdated(let_in, known), UID)
    spec = site_spec(lab.name, server.spec(lab.name).reference, port, made.revision)
    if earlier := [each for each in web_servers(lab.name, observed) if each != spec.name]:
        # The web server of an earlier revision of this project holds the port.
        yield StringCommand("docker container rm --force --volumes", *map(QuoteString, earlier))
    yield from run_commands(lab.name, observed, [spec])
    container = observed.containers.get(spec.name)
    shown = {made.revision, STATUS}
    whole = shown <= set(there) and let_in.keys() <= known.keys()
    if not whole and container and container.spec == spec.digest:
        # Somebody has removed them under it, and it still shows that.
        yield StringCommand("docker container restart", QuoteString(spec.name))
    if old := [name for name in there if name not in shown]:
        yield _removed(*(f"{sites_folder(lab.name)}/{name}" for name in old))


@operation()
def users(lab: Lab) -> Commands:
    """Have the web server of a site that is there know who is let in now.

    It looks at each request, so nothing restarts.
    """
    known = host.get_fact(AccessFiles, lab=lab.name)
    if not any(path.startswith(f"{container_name(lab.name)}/") for path in known):
        host.noop("no site is there")
        return
    try:
        changed = outdated(specs.site_users(lab), known)
    except LabError as error:
        yield failure(error)
        return
    if not changed:
        host.noop("who is let in has not changed")
    yield from write_commands(lab.name, changed, UID)


@operation()
def remove(lab: str) -> Commands:
    """Have no site on the host; what it took, image apart, goes."""
    servers = web_servers(lab, observe.docker(lab))
    there = host.get_fact(SiteFolders, lab=lab)
    commands = []
    if servers:
        commands.append(StringCommand("docker container rm --force --volumes", *map(QuoteString, servers)))
    if there:
        commands.append(_removed(*(f"{sites_folder(lab)}/{name}" for name in there), users_folder(lab)))
    if not commands:
        host.noop("no site is served")
    yield from observe.changing(commands)


def _received(lab: str, made: build.Site) -> Commands:
    tar = build.build(made, host.log)
    folder = f"{sites_folder(lab)}/{made.revision}"
    uploaded, partial = f"{folder}.tar.gz", f"{folder}.partial"
    yield StringCommand("rm -rf", QuoteString(partial), "&& mkdir -p", QuoteString(partial))
    yield FileUploadCommand(str(tar), uploaded)
    yield all_of(
        arrived_whole(tar, uploaded),
        StringCommand(
            "tar --extract --no-same-owner --file", QuoteString(uploaded), "--directory", QuoteString(partial)
        ),
        StringCommand("rm", QuoteString(uploaded)),
        StringCommand("mv -T", QuoteString(partial), QuoteString(folder)),
    )


def _removed(*folders: str) -> StringCommand:
    return StringCommand("rm -rf", *map(QuoteString, folders))
