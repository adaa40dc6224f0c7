"""Who gets what: a host, a name, and an address or a port for each guest and container. No I/O."""

from minetlab.plan.allocation import Container, Guest, Plan, allocate

__all__ = ["Container", "Guest", "Plan", "allocate"]
