"""Pure functions from the lab to what has to stand on its hosts. No I/O."""

from minetlab.plan.allocation import Container, Guest, Plan, allocate

__all__ = ["Container", "Guest", "Plan", "allocate"]
