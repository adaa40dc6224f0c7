"""The seed: what cloud-init reads at a guest's first boot, as a NoCloud ISO image.

NoCloud: https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO

from pycdlib.pycdlib import PyCdlib

VOLUME_LABEL = "cidata"


@dataclass(frozen=True)
class Seed:
    """The files of a seed, by name: ``user-data``, ``meta-data``, ``network-config``."""

    files: Mapping[str, str]

    @property
    def digest(self) -> str:
        """A hash of the content: 64 hexadecimal digits."""
        parts = (f"{name}\n{len(content)}\n{content}" for name, content in sorted(self.files.items()))
        return sha256("".join(parts).encode()).hexdigest()

    def iso(self) -> bytes:
        """The image, with Rock Ridge names as cloud-init wants them."""
        image = PyCdlib()
        image.new(vol_ident=VOLUME_LABEL, rock_ridge="1.09")
        for number, (name, content) in enumerate(sorted(self.files.items())):
            encoded = content.encode()
            image.add_fp(BytesIO(encoded), len(encoded), f"/FILE{number}.;1", rr_name=name)
        written = BytesIO()
        image.write_fp(written)
        image.close()
        return written.getvalue()
