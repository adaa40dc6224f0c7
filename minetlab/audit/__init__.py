"""What is weak in a running lab: read from every side, judged by a table of rules, with nothing changed."""

from pathlib import Path

from minetlab.audit import read
from minetlab.audit.exposure import attempts
from minetlab.audit.rules import in_order, of_host, of_this_machine
from minetlab.audit.weaknesses import AuditedHost, Weakness
from minetlab.inventory.load import LoadedLab
from minetlab.machines.status import on_each
from minetlab.ssh.student_machines import in_parallel


def audit(loaded: LoadedLab, config: Path) -> tuple[Weakness, ...]:
    """Look at every host, at this machine, and at the hosts from every machine of a student.

    :param loaded: the lab.
    :param config: its SSH configuration.
    :return: the weaknesses, the worst first.
    """
    answers = on_each(loaded.hosts, lambda host: read.host(loaded, host, config))
    hosts = [answer for answer in answers if isinstance(answer, AuditedHost)]
    weaknesses = [answer for answer in answers if isinstance(answer, Weakness)]
    for host in hosts:
        weaknesses += of_host(host)
    weaknesses += of_this_machine(read.this_machine(loaded, (host.security for host in hosts)))
    to_try = [attempt for host in hosts for attempt in attempts(host)]
    for reached in in_parallel(lambda attempt: list(read.student_machine(config, attempt)), to_try):
        weaknesses += reached
    return in_order(weaknesses)
