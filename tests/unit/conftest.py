"""What every unit test stands on: none of them touches the user's own keys, state or cache."""

from functools import cache
from importlib.metadata import entry_points
from unittest import mock

from hypothesis import settings
from pyinfra.api import connectors

import tests.support.isolation  # noqa: F401 (it sets that up when it is imported)
from tests.support.mirror import mirror
from tests.support.qemu import machine, made, monitor, qemu
from tests.support.qemu_img import plain_images

__all__ = ["machine", "made", "mirror", "monitor", "plain_images", "qemu"]

# For each inventory, pyinfra reads the entry points of every installed package several times.
mock.patch.object(connectors, "entry_points", cache(entry_points)).start()

# On a busy machine, an example takes the time it takes.
settings.register_profile("lab", deadline=None)
settings.load_profile("lab")
