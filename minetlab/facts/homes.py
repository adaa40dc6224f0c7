"""Facts about the file systems that a host has for a lab's containers."""

import shlex

from minetlab.facts.base import HostFact
from minetlab.resources.docker import TERMINALS, homes_folder
from minetlab.resources.homes import HomesObserved, unit, unit_file
from minetlab.resources.printed import text, values_by_key

_COMMAND = """\
cd {folder} 2>/dev/null && find . -maxdepth 1 -name '*.img' -printf 'size %s %f\\n'
findmnt --noheadings --list --output TARGET | sed -n 's|^'{folder}'/|mounted |p'
sed 's/^/unit /' {unit_file} 2>/dev/null
systemctl --quiet is-enabled {unit} 2>/dev/null && echo 'enabled yes'
true"""


class Homes(HostFact[HomesObserved]):
    """The file systems of a lab's home folders, and the unit that mounts them."""

    default = HomesObserved

    def command(self, lab: str) -> str:
        """Return a command that prints lines of the form ``key value``."""
        return _COMMAND.format(
            folder=shlex.quote(homes_folder(lab)),
            unit_file=shlex.quote(unit_file(lab)),
            unit=shlex.quote(unit(lab)),
        )

    def parse(self, output: list[str]) -> HomesObserved:
        """Parse the lines; those of the unit have the same key."""
        values = values_by_key(output)
        mounted = values.get("mounted", [])
        sizes = [line.split(maxsplit=1) for line in values.get("size", [])]
        return HomesObserved(
            sizes={name.removesuffix(".img"): int(size) for size, name in sizes},
            mounted=frozenset(name for name in mounted if f"{name}{TERMINALS}" in mounted),
            unit=text(values.get("unit", [])),
            enabled="enabled" in values,
        )
