"""The fact about modules that a host's kernel loads on demand."""

from minetlab.facts.base import HostFact
from minetlab.resources.autoload import LOADER, UNIT, UNIT_FILE, AutoloadObserved
from minetlab.resources.printed import text, values_by_key

_COMMAND = f"""
sed 's/^/unit /' {UNIT_FILE} 2>/dev/null
systemctl --quiet is-enabled {UNIT} 2>/dev/null && echo 'enabled yes'
systemd-detect-virt --quiet --container || echo "loader $(cat {LOADER})"
true
"""


class Autoload(HostFact[AutoloadObserved]):
    """Whether the host's kernel loads modules on demand, and the unit that keeps it from that."""

    default = AutoloadObserved

    def command(self) -> str:
        """Return a command that prints lines of the form ``key value``."""
        return _COMMAND

    def parse(self, output: list[str]) -> AutoloadObserved:
        """Parse the lines; those of the unit have the same key."""
        values = values_by_key(output)
        return AutoloadObserved(
            unit=text(values.get("unit", [])),
            enabled="enabled" in values,
            loader=values["loader"][0] if "loader" in values else None,
        )
