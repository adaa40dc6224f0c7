"""All that reads what machines answer: each is given a hostile answer, and returns what is shown of it."""

import importlib
import inspect
import io
import pkgutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from random import Random

import pytest
from lxml import etree
from pyinfra.api.exceptions import FactProcessError

import minetlab.facts
import tests.hosts.test_containers as containers
import tests.hosts.test_domains as domains
import tests.hosts.test_guests as guests
import tests.hosts.test_jump as jump
import tests.hosts.test_kvm_hosts as kvm_hosts
from minetlab.checks.protocol import MAX_MESSAGE
from minetlab.checks.versions import versions_of
from minetlab.claims.evidence import Evidence, Observation
from minetlab.facts.base import HostFact
from minetlab.machines.collect import END_MARK
from minetlab.machines.repack import Repacker
from minetlab.report.output import readable
from minetlab.report.page import page
from minetlab.resources.access import with_keys_replaced
from minetlab.util.process import tail
from minetlab.util.text import first_line, last_line, printable, printable_line
from tests.fuzz import hostile
from tests.support.evidence import about, recorded_shape
from tests.support.recorded import ALICE, CONTAINER, HV1, RecordedLab
from tests.support.wrong_containers import container_sheet
from tests.support.wrong_machines import conteneur_sheet, vm_sheet

MODULES = (containers, domains, guests, jump, kvm_hosts)
GNU_TAR_SHARE = 0.1
"""Of so many archives, GNU tar lists what is in them; each time, it has to be started."""


@cache
def _checks() -> list[Callable[..., None]]:
    functions = [
        function
        for module in MODULES
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if name.startswith("test_") and len(inspect.signature(function).parameters) == 1
    ]
    return [*functions, container_sheet, conteneur_sheet, vm_sheet]


@cache
def _facts() -> list[type[HostFact[object]]]:
    modules = pkgutil.iter_modules(minetlab.facts.__path__)
    names = (f"minetlab.facts.{module.name}" for module in modules)
    facts = {
        fact
        for name in names
        for _, fact in inspect.getmembers(importlib.import_module(name), inspect.isclass)
        if issubclass(fact, HostFact) and "parse" in vars(fact)
    }
    return sorted(facts - {HostFact}, key=lambda fact: fact.__name__)


def check(random: Random) -> str:
    """A check of a machine, one of whose answers is hostile; what the plugin shows if it does not pass."""
    lab = RecordedLab()
    machine = random.choice((ALICE, CONTAINER, HV1))
    command = random.choice(list(lab.answers[machine]))
    lab.answers[machine][command] = hostile.text(random, lab.answers[machine][command])
    function = random.choice(_checks())
    (fixture,) = inspect.signature(function).parameters
    try:
        function(lab.machine(fixture))
    except (AssertionError, pytest.skip.Exception) as ended:
        return printable(str(ended), MAX_MESSAGE)
    except MemoryError:
        raise
    except Exception as error:  # which the plugin shows in one line: "an answer cannot be read"
        return printable(f"{type(error).__name__}: {error}", MAX_MESSAGE)
    return ""


def fact(random: Random) -> str:
    """A fact of a host; it has a value, or a reason why there is none."""
    made = random.choice(_facts())()
    try:
        made.process(hostile.text(random, random.choice(_recorded())).split("\n"))
    except FactProcessError as error:
        return printable_line(str(error))
    return ""


@cache
def _recorded() -> list[str]:
    return [answer for answers in RecordedLab().answers.values() for answer in answers.values()]


def answer(random: Random) -> str:
    """What a command printed, as commands show it, whole or a line of it; and keys that are in a guest."""
    printed = hostile.data(random, random.choice(_recorded())).decode(errors="replace")
    keys = with_keys_replaced(printed, add=["ssh-ed25519 AAAA new"], drop=["ssh-ed25519 BBBB old"])
    assert keys.count("ssh-ed25519 AAAA new") == 1 + printed.count("ssh-ed25519 AAAA new")
    for one_line in (first_line(printed), last_line(printed), printable_line(printed)):
        assert "\n" not in one_line
    versions_of([(ALICE, "uname -r", printed)])
    return printable(printed, MAX_MESSAGE)


def report(random: Random) -> str:
    """What the report shows of an answer; every hundredth time the whole page, which is then well-formed."""
    printed = hostile.text(random, random.choice(_recorded()))
    if random.random() < 0.01:
        observed = Observation(machine=ALICE, command="uname -r", output=printed)
        evidence = Evidence(
            claim="C16",
            machine=ALICE,
            check="test_x",
            verdict="violated",
            reason=printable(printed, MAX_MESSAGE),
            observations=(observed,),
        )
        html = page(about([evidence]), [evidence], recorded_shape())
        etree.fromstring(html.removeprefix("<!doctype html>\n").strip().encode())
    return readable(printed).text


def console(random: Random) -> str:
    """The end of a guest's console, which is read from a file."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(hostile.data(random))
        file.flush()
        return tail(Path(file.name))


def archive(random: Random) -> str:
    """The archive of a student's machine; what is written opens in Python and GNU tar, within its folder."""
    written = io.BytesIO()
    problems = list(Repacker(written, "guest", room=2**20).add_all(io.BytesIO(hostile.archive(random))))
    written.write(END_MARK)
    _opens(written.getvalue(), with_tar=random.random() < GNU_TAR_SHARE)
    return "\n".join(problems)


def _opens(archive: bytes, *, with_tar: bool) -> None:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar, tempfile.TemporaryDirectory() as folder:
        names = tar.getnames()
        assert all(name == "guest" or name.startswith("guest/") for name in names), names
        assert "\n" not in "".join(names)
        tar.extractall(folder, filter="data")
    if with_tar:
        listed = subprocess.run(
            ["tar", "--list", "--file=-"], input=archive, capture_output=True, timeout=600, check=False
        )
        assert (listed.returncode, listed.stderr) == (0, b""), listed.stderr
        assert len(listed.stdout.splitlines()) == len(names)


CONSUMERS: Mapping[str, Callable[[Random], str]] = {
    function.__name__: function for function in (check, fact, answer, report, console, archive)
}
