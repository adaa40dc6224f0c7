"""Who gets what: a host, a name, and an address or a port for each guest and container. No I/O."""

from minetlab.plan.allocation import (
    Container as Container,
    Guest as Guest,
    Plan as Plan,
    allocate as allocate,
)
