"""Operations on the TP site: the web server's image, the pages, and the container that serves them."""

from collections.abc import Iterator, Mapping
from functools import partial

from pyinfra.api.command import PyinfraCommand, QuoteString, StringCommand
from pyinfra.context import host

from minetlab.facts.access import AccessFiles
from minetlab.facts.site import SiteFolders
from minetlab.lab import ContainerHost, Lab
from minetlab.operations import observe, specs
from minetlab.operations.access import write_commands
from minetlab.operations.commands import lab_operation
from minetlab.operations.docker import run_commands
from minetlab.operations.shell import with_input
from minetlab.operations.tp_images import load_commands
from minetlab.plan import Plan
from minetlab.resources.access import ObservedFile, outdated
from minetlab.resources.docker import published_on
from minetlab.resources.site import (
    STATUS,
    SiteObserved,
    SiteSpec,
    container_name,
    secrets_folder,
    sites_folder,
    status_folder,
    web_servers,
)
from minetlab.site import build, server


@lab_operation
def image(lab: str) -> Iterator[PyinfraCommand]:
    """Have the web server's image on the host."""
    observed = observe.docker(lab)
    spec = server.spec(lab)
    if spec.reference in {tag.reference for tag in observed.images}:
        host.noop("the web server's image is there")
        return
    observe.require_answer(observed)
    yield from observe.changing(load_commands(lab, [(partial(server.spec, lab), server.recipe())], observed))


@lab_operation
def serve(lab: Lab, plan: Plan, container_host: ContainerHost) -> Iterator[PyinfraCommand]:
    """Serve the lab's site on a port of the host, with certificate and passwords; remove older revisions."""
    yield from observe.changing(_serve(lab, plan, container_host))


def _serve(lab: Lab, plan: Plan, container_host: ContainerHost) -> Iterator[PyinfraCommand]:
    observed = observe.docker(lab.name)
    folders = observe.fact(SiteFolders, lab=lab.name)
    access_files = observe.fact(AccessFiles, lab=lab.name)
    new_site = build.site_of(lab, plan)
    password_files = specs.site_users(lab)
    tls_files = specs.site_tls(lab, container_host)
    spec = SiteSpec(
        container_name(lab.name),
        server.spec(lab.name).reference,
        lab.name,
        address=published_on(container_host.settings),
        port=container_host.settings.site_port or 0,
        revision=new_site.revision,
    )
    yield from _folder_commands(lab.name, folders, new_site)
    yield from write_commands(lab.name, outdated(password_files | tls_files, access_files))
    if old_servers := [name for name in web_servers(lab.name, observed) if name != spec.name]:
        # The web server of an earlier revision of this project uses the port.
        yield StringCommand("docker container rm --force --volumes", *map(QuoteString, old_servers))
    yield from run_commands(lab.name, observed, [spec])
    container = observed.containers.get(spec.name)
    if container and container.spec == spec.digest:
        mounted = {new_site.revision, STATUS} <= set(folders.names)
        if not mounted or not (password_files | tls_files).keys() <= access_files.keys():
            # Somebody has removed files that the container has mounted: it sees the new ones after a restart.
            yield StringCommand("docker container restart", QuoteString(spec.name))
        elif outdated(tls_files, access_files):
            yield _take_up_certificate(spec.name)
    if old_folders := [name for name in folders.names if name not in (new_site.revision, STATUS)]:
        paths = (f"{sites_folder(lab.name)}/{name}" for name in old_folders)
        yield StringCommand("rm -rf", *map(QuoteString, paths))


def _folder_commands(lab: str, folders: SiteObserved, new_site: build.Site) -> Iterator[PyinfraCommand]:
    """Have the folders that the container mounts on the host, where nobody but root can enter."""
    if not folders.private:
        yield StringCommand("install --directory --mode=0700", QuoteString(sites_folder(lab)))
    if new_site.revision not in folders.names:
        yield from _upload(lab, new_site)
    if STATUS not in folders.names:
        yield StringCommand("install --directory --mode=0755", QuoteString(status_folder(lab)))


def _take_up_certificate(container: str) -> StringCommand:
    # nginx reads passwords at each request, but a certificate only when it is told to.
    return StringCommand("docker container kill --signal=HUP", QuoteString(container))


@lab_operation
def users(lab: Lab) -> Iterator[PyinfraCommand]:
    """Write changed password files of the lab's site, if the host serves it."""
    access_files = observe.fact(AccessFiles, lab=lab.name)
    if not _is_served(lab.name, access_files):
        host.noop("this host serves no site")
        return
    changed = outdated(specs.site_users(lab), access_files)
    commands = write_commands(lab.name, changed)
    yield from observe.changing(commands, otherwise="the password files are up to date")


@lab_operation
def certificate(lab: Lab, container_host: ContainerHost) -> Iterator[PyinfraCommand]:
    """Write a changed certificate of the lab's site, if the host serves it, for its web server to use."""
    access_files = observe.fact(AccessFiles, lab=lab.name)
    if not _is_served(lab.name, access_files):
        host.noop("this host serves no site")
        return
    commands: list[PyinfraCommand] = []
    if changed := outdated(specs.site_tls(lab, container_host), access_files):
        commands = [*write_commands(lab.name, changed), _take_up_certificate(container_name(lab.name))]
    yield from observe.changing(commands, otherwise="the site has its certificate")


def _is_served(lab: str, access_files: Mapping[str, ObservedFile]) -> bool:
    return any(path.startswith(f"{container_name(lab)}/") for path in access_files)


@lab_operation
def remove(lab: str) -> Iterator[PyinfraCommand]:
    """Remove the lab's site from the host, except the web server's image."""
    observed = observe.docker(lab)
    observe.refuse_silence(observed)
    servers = web_servers(lab, observed)
    folders = observe.fact(SiteFolders, lab=lab)
    commands = []
    if servers:
        commands.append(StringCommand("docker container rm --force --volumes", *map(QuoteString, servers)))
    if folders.names:
        paths = [*(f"{sites_folder(lab)}/{name}" for name in folders.names), secrets_folder(lab)]
        commands.append(StringCommand("rm -rf", *map(QuoteString, paths)))
    yield from observe.changing(commands, otherwise="this host serves no site")


def _upload(lab: str, site: build.Site) -> Iterator[PyinfraCommand]:
    folder = QuoteString(f"{sites_folder(lab)}/{site.revision}")
    partial = QuoteString(f"{sites_folder(lab)}/{site.revision}.partial")
    tar = build.build(site, host.log)
    # On standard input, as an upload with sudo is in /var/tmp at first, where everybody can read it.
    yield with_input(
        tar.read_bytes(),
        *("(rm -rf", partial, "&& mkdir", partial, "&&"),
        *("tar --extract --gzip --no-same-owner --directory", partial, "&&"),
        *("mv -T", partial, folder, ")"),
    )
