"""The seed: what makes a guest its own at its first boot, as an ISO image.

It is a NoCloud seed for cloud-init, see
https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html. The lab's own image, which has no
cloud-init, reads the folder ``guest`` of it, which says the same in plain files.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import PurePosixPath
from stat import S_IFREG

from pycdlib.pycdlib import PyCdlib

VOLUME_LABEL = "cidata"
FILE_MODE = S_IFREG | 0o644


@dataclass(frozen=True)
class Seed:
    """The files of a seed, by path: ``user-data``, ``meta-data``, ``network-config``, ``guest/…``."""

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
        # What ISO 9660 itself calls them nobody reads.
        folders = {PurePosixPath(): ""}
        for number, (path, content) in enumerate(
            sorted((PurePosixPath(k), v) for k, v in self.files.items())
        ):
            for folder in reversed(path.parents):
                if folder not in folders:
                    folders[folder] = f"{folders[folder.parent]}/DIR{len(folders)}"
                    image.add_directory(folders[folder], rr_name=folder.name)
            encoded = content.encode()
            name = f"{folders[path.parent]}/FILE{number}.;1"
            image.add_fp(BytesIO(encoded), len(encoded), name, rr_name=path.name, file_mode=FILE_MODE)
        written = BytesIO()
        image.write_fp(written)
        image.close()
        return written.getvalue()
