"""What a run writes of itself into a host's lock."""

import json

from minetlab.resources.lock import Holder

HOLDER = Holder(run="f00d", by="root@admin", lab="minet")


def test_a_holder_takes_one_line_of_json() -> None:
    assert json.loads(HOLDER.line) == {"run": "f00d", "by": "root@admin", "lab": "minet", "seconds": 0}
    assert "\n" not in HOLDER.line
