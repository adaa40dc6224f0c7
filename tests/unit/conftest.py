"""What every unit test stands on: none of them touches the user's own keys, state or cache."""

import os
import tempfile

from hypothesis import settings

from tests.support.qemu import machine, made, monitor, qemu

__all__ = ["machine", "made", "monitor", "qemu"]

# Set before the test modules are imported: some make specs, and with them the lab's key, while they load.
_folder = tempfile.TemporaryDirectory(prefix="minet-lab-unit-")
for _name in ("MINETLAB_STATE", "MINETLAB_CACHE"):
    os.environ[_name] = f"{_folder.name}/{_name}"

# On a busy machine, an example takes the time it takes.
settings.register_profile("lab", deadline=None)
settings.load_profile("lab")
