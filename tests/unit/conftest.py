"""What every unit test stands on: none of them touches the user's own keys, state or cache."""

from hypothesis import settings

import tests.support.isolation  # noqa: F401 (it sets that up when it is imported)
from tests.support.qemu import machine, made, monitor, qemu

__all__ = ["machine", "made", "monitor", "qemu"]

# On a busy machine, an example takes the time it takes.
settings.register_profile("lab", deadline=None)
settings.load_profile("lab")
