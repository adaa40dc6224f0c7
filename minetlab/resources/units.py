"""Where a host has its own units of systemd: systemd.unit(5). No I/O."""

UNITS = "/etc/systemd/system"
"""The folder of a host for units of systemd that are no package's."""


def drop_in(unit: str) -> str:
    """Return the path of our file with settings for a unit, beside the unit's own file."""
    return f"{UNITS}/{unit}.d/minet-lab.conf"
