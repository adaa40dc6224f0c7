"""Operations on the lab's firewall: what its machines may reach on their host, and beyond it."""

from collections.abc import Iterator

from pyinfra.api.command import PyinfraCommand, QuoteString, StringCommand
from pyinfra.context import host

from minetlab.facts.firewall import Firewall
from minetlab.lab import Lab
from minetlab.operations import observe, specs
from minetlab.operations.commands import lab_operation
from minetlab.operations.shell import RELOAD_UNITS, all_of, install_units
from minetlab.plan import Plan
from minetlab.resources.firewall import FirewallObserved, FirewallSpec, service


@lab_operation
def load(lab: Lab, plan: Plan) -> Iterator[PyinfraCommand]:
    """Have the lab's rules loaded, now and at boot; without machines of the lab on the host, have none."""
    observed = observe.fact(Firewall, lab=lab.name)
    spec = specs.firewall_spec(lab, plan, host.name)
    commands = [*_removal(spec, observed), *_setup(spec, observed)]
    yield from observe.changing(commands, otherwise="the rules are loaded")


@lab_operation
def remove(lab: str) -> Iterator[PyinfraCommand]:
    """Remove the lab's rules, and all files of its firewall."""
    commands = _removal(FirewallSpec(lab), observe.fact(Firewall, lab=lab))
    yield from observe.changing(commands, otherwise="there are no rules")


def _setup(spec: FirewallSpec, observed: FirewallObserved) -> list[StringCommand]:
    changed = {path: text for path, text in spec.files.items() if observed.files.get(path) != text}
    missing = sorted(spec.units - observed.enabled)
    commands = []
    if changed:
        commands.append(install_units(changed))
    if missing:
        commands.append(StringCommand("systemctl enable --now", *map(QuoteString, missing)))
    if spec.files and (changed or observed.loaded != spec.digest):
        # A reload replaces all rules at once: at no moment there are none.
        commands.append(StringCommand("systemctl reload-or-restart", QuoteString(service(spec.lab))))
    return commands


def _removal(spec: FirewallSpec, observed: FirewallObserved) -> list[StringCommand]:
    """Return the commands that remove units and files which are not desired."""
    units = sorted(observed.enabled - spec.units)
    files = sorted(observed.files.keys() - spec.files.keys())
    commands = []
    if units:
        commands.append(StringCommand("systemctl disable --now", *map(QuoteString, units)))
    if files:
        commands.append(all_of(StringCommand("rm -f", *map(QuoteString, files)), RELOAD_UNITS))
    return commands
