"""The checks of the site in ``tests/hosts``, against a web server of this machine."""

import shlex
import subprocess
from collections.abc import Callable
from dataclasses import replace

from minetlab.checks.machines import ContainerHostMachine
from minetlab.checks.site import ServedSite
from minetlab.plan import allocate
from minetlab.secrets.certificates import site_certificate
from minetlab.site.build import site_of
from tests.support.recorded import RecordedLab
from tests.support.served_site import CLASS, port_of


def verify(
    url: str,
    check: Callable[[ContainerHostMachine], None],
    *,
    name: str = "ct1.example.org",
    anchor: str | None = None,
) -> None:
    """Run a check on the server at this URL.

    :param name: for which its certificate has to be.
    :param anchor: by which it has to be known; None: by the CA of the class.
    :raises AssertionError: the check fails.
    """
    site = site_of(CLASS, allocate(CLASS))
    anchor = anchor or site_certificate(CLASS, CLASS.container_hosts[0]).anchor.pem
    served = ServedSite("minet", port_of(url), site, name, anchor)
    machine = RecordedLab().container_host
    machine.host.backend.inner.answers |= {
        command: _printed(command) for command in (served.command, served.tls_command, served.plain_command)
    }
    check(replace(machine, site=served))


def _printed(command: str) -> str:
    """What a command prints, where it is run as a part of a batch."""
    script = f"(eval {shlex.quote(command)}) 2>/dev/null </dev/null"
    return subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True).stdout
