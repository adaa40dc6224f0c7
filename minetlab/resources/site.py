"""The TP site on a container host: its container, and the files that it serves. No I/O."""

from dataclasses import dataclass

from minetlab.resources.docker import (
    DockerObserved,
    Spec,
    access_folder,
    confinement,
    lab_folder,
    publication,
)

# Port and folders inside the container: templates/site/server/etc/minet-lab/nginx.conf.
PORT, SITE_ROOT, STATUS_ROOT, SECRETS_ROOT = 8080, "/srv/site", "/srv/status", "/srv/secrets"
STUDENTS, INSTRUCTOR = "eleves", "formateur"
"""Names of the password files: students see their own machines, the instructor sees all."""
TLS_CHAIN, TLS_KEY = "certificate.pem", "key.pem"
"""Names of the files of the certificate, and of its private key."""
HTTPS_PORT = 443
WEB_SERVER_UID = 33
"""Numeric user of www-data, as which the web server runs; Debian's base-passwd fixes it."""
STATUS_FILE = "etat.json"
# MiB, and number of processes; nginx takes 4 MiB and two processes, and 32 KiB for each of 4096 connections.
SITE_MEMORY, PIDS, CPUS, FILES = 256, 16, 1.0, 8192
STATUS = "status"
"""The name of :func:`status_folder` among the folders of the site's revisions."""


def container_name(lab: str) -> str:
    """Return the name of the site's container."""
    # No student's container has it: their names have three parts.
    return f"{lab}-site"


def web_servers(lab: str, observed: DockerObserved) -> list[str]:
    """Return the names of the lab's web servers that a host has."""
    # Earlier revisions of this project named it otherwise.
    names = (container_name(lab), f"{lab}-portal")
    return [name for name in names if name in observed.containers_of(lab)]


def site_url(address: str, port: int) -> str:
    """Return the URL of the site at an address and a port."""
    host = f"[{address}]" if ":" in address else address
    return f"https://{host}/" if port == HTTPS_PORT else f"https://{host}:{port}/"


def sites_folder(lab: str) -> str:
    """Return the folder of a host for revisions of the site, where only root can look: a subfolder each."""
    # Students' and instructor's pages are in it. To the web server, Docker mounts a subfolder.
    return f"{lab_folder(lab)}/site"


def status_folder(lab: str) -> str:
    """Return the folder of a host for the status that ``lab status --publish`` writes."""
    # It is outside the revisions, so that the next revision shows it too.
    return f"{sites_folder(lab)}/{STATUS}"


def secrets_folder(lab: str) -> str:
    """Return the folder of a host for the site's password files, its certificate and the key of that."""
    # It is beside the keys of containers, where only root can look.
    return f"{access_folder(lab)}/{container_name(lab)}"


@dataclass(frozen=True)
class SiteObserved:
    """What a host has in the folder of the site's revisions.

    :param names: the names of what is in it: revisions, the status, and leftovers.
    :param private: whether its mode is 0700.
    """

    names: tuple[str, ...] = ()
    private: bool = False


@dataclass(frozen=True)
class SiteSpec(Spec):
    """Everything that the site's container is started with.

    :param name: the container's name.
    :param image: reference of the web server's image; the tag is a hash of the image's content.
    :param network: the Docker network that it joins, named after the lab.
    :param address: address of the host on which that port is published.
    :param port: port of the host on which the site answers HTTPS.
    :param revision: the revision of the site to serve.
    """

    address: str
    port: int
    revision: str

    def options(self) -> tuple[str, ...]:
        """Return the options of ``docker run``, with which it can read the site only: see docker-run(1)."""
        # The lab and its network have the same name.
        site = f"{sites_folder(self.network)}/{self.revision}"
        return (
            "--restart=unless-stopped",
            f"--name={self.name}",
            f"--network={self.network}",
            *publication(self.address, self.port, PORT),
            f"--mount=type=bind,source={site},target={SITE_ROOT},readonly",
            f"--mount=type=bind,source={status_folder(self.network)},target={STATUS_ROOT},readonly",
            f"--mount=type=bind,source={secrets_folder(self.network)},target={SECRETS_ROOT},readonly",
            "--read-only",
            "--tmpfs=/tmp:rw,noexec,nosuid,nodev,size=4m",
            *confinement(SITE_MEMORY, PIDS, CPUS, FILES),
        )
