"""The site on a container host: what its container is called, may do, and serves. No I/O."""

from dataclasses import dataclass

from minetlab.resources.docker import DockerObserved, Spec, access_folder, confinement, lab_folder

# Of the web server, inside: templates/site/server/etc/minet-lab/nginx.conf.
PORT, ROOT, STATUS_ROOT, USERS_ROOT = 8080, "/srv/site", "/srv/status", "/srv/users"
STUDENTS, INSTRUCTOR = "eleves", "formateur"
"""The files of who is let into the site: to their own machines, and to all."""
UID = 33
"""Of www-data, as which the web server runs, in every Debian: base-passwd."""
STATUS_FILE = "etat.json"
# nginx takes 3 MiB, and two processes.
MEMORY, PIDS = 64, 16
STATUS = "status"
"""What :func:`status_folder` is called, among the revisions of the site."""


def container_name(lab: str) -> str:
    """The name of the site's container; those of students have three parts."""
    return f"{lab}-site"


def web_servers(lab: str, observed: DockerObserved) -> list[str]:
    """The names of the lab's web servers that a host has, that of an earlier revision of this project too."""
    names = (container_name(lab), f"{lab}-portal")
    return [name for name in names if (there := observed.containers.get(name)) and there.lab == lab]


def sites_folder(lab: str) -> str:
    """Where a host keeps the site that it serves: a folder a revision, beside what is being received."""
    return f"{lab_folder(lab)}/site"


def status_folder(lab: str) -> str:
    """Where a host keeps what ``lab status --publish`` says: in no revision, so that the next has it too."""
    return f"{sites_folder(lab)}/{STATUS}"


def users_folder(lab: str) -> str:
    """Where a host keeps who is let into the site: beside containers' keys, which root alone gets to."""
    return f"{access_folder(lab)}/{container_name(lab)}"


@dataclass(frozen=True)
class SiteSpec(Spec):
    """The site's container.

    :param port: of the host, on which it answers HTTP.
    :param revision: of the site.
    """

    port: int
    revision: str

    def options(self) -> tuple[str, ...]:
        """The options of ``docker run``, in docker-run(1)'s words: it can read these, and nothing else."""
        # The lab and its network have the same name.
        site = f"{sites_folder(self.network)}/{self.revision}"
        return (
            "--restart=unless-stopped",
            f"--name={self.name}",
            f"--network={self.network}",
            f"--publish={self.port}:{PORT}",
            f"--mount=type=bind,source={site},target={ROOT},readonly",
            f"--mount=type=bind,source={status_folder(self.network)},target={STATUS_ROOT},readonly",
            f"--mount=type=bind,source={users_folder(self.network)},target={USERS_ROOT},readonly",
            "--read-only",
            "--tmpfs=/tmp:rw,noexec,nosuid,nodev,size=4m",
            *confinement(MEMORY, PIDS),
        )


def site_spec(lab: str, image: str, port: int, revision: str) -> SiteSpec:
    """The spec of a lab's site.

    :param image: reference of the web server's image.
    """
    return SiteSpec(container_name(lab), image, lab, port, revision)
