"""Keep tests from the user's own keys, state and cache: imported before the test modules.

Some of those make specs, and with them the lab's key, while they load.
"""

import os
import tempfile

USERS_CACHE = os.environ.get("MINETLAB_CACHE")
"""Where the variable leads that names the user's own cache; None: it is where it usually is."""
_folder = tempfile.TemporaryDirectory(prefix="minet-lab-unit-")
for _name in ("MINETLAB_STATE", "MINETLAB_CACHE"):
    os.environ[_name] = f"{_folder.name}/{_name}"
