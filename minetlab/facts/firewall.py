"""Facts about the lab's firewall."""

import shlex

from minetlab.facts.base import HostFact
from minetlab.resources.firewall import FirewallObserved, files, service, table, timer
from minetlab.resources.printed import sections, text

_COMMAND = """
for file in {files}; do [ ! -e "$file" ] || {{ echo "@$file"; sed 's/^/ /' "$file"; }}; done
for unit in {units}; do echo "@enabled $unit"; systemctl is-enabled "$unit" 2>/dev/null | sed 's/^/ /'; done
echo '@loaded'; nft list table inet {table} 2>/dev/null | sed -n 's/^\\tcomment "\\(.*\\)"$/ \\1/p'
true
"""


class Firewall(HostFact[FirewallObserved]):
    """The lab's files of rules and units, and the rules that the kernel has."""

    default = FirewallObserved

    def command(self, lab: str) -> str:
        """Return a command that prints each file below its path, and then states."""
        units = (service(lab), timer(lab))
        return _COMMAND.format(files=shlex.join(files(lab)), units=shlex.join(units), table=table(lab))

    def parse(self, output: list[str]) -> FirewallObserved:
        """Parse the sections."""
        printed = {name: [line[1:] for line in lines] for name, lines in sections(output).items()}
        return FirewallObserved(
            files={name: text(lines) for name, lines in printed.items() if name.startswith("/")},
            enabled=frozenset(
                name.removeprefix("enabled ") for name, lines in printed.items() if lines == ["enabled"]
            ),
            loaded="".join(printed.get("loaded", [])),
        )
