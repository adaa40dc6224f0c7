"""The seed of a guest: an ISO image with accounts, host name and address, which it takes at its first boot.

It is a NoCloud seed for cloud-init, see
https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html. The lab's own guest image has no
cloud-init: it reads the same settings from plain files in the seed's folder ``guest``.
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
    """A seed; ``files`` are texts by path: ``user-data``, ``meta-data``, ``network-config``, ``guest/…``."""

    files: Mapping[str, str]

    @property
    def digest(self) -> str:
        """A hash of the content: 64 hexadecimal digits."""
        parts = (f"{name}\n{len(content)}\n{content}" for name, content in sorted(self.files.items()))
        return sha256("".join(parts).encode()).hexdigest()

    def iso(self) -> bytes:
        """Return the ISO image, with Rock Ridge names, which cloud-init reads."""
        image = PyCdlib()
        image.new(vol_ident=VOLUME_LABEL, rock_ridge="1.09")
        # ISO 9660's own names have to be unique, but nobody reads them.
        folders = {PurePosixPath(): ""}
        files = sorted((PurePosixPath(path), content) for path, content in self.files.items())
        for number, (path, content) in enumerate(files):
            for folder in reversed(path.parents):
                if folder not in folders:
                    folders[folder] = f"{folders[folder.parent]}/DIR{len(folders)}"
                    image.add_directory(folders[folder], rr_name=folder.name)
            encoded = content.encode()
            name = f"{folders[path.parent]}/FILE{number}.;1"
            image.add_fp(BytesIO(encoded), len(encoded), name, rr_name=path.name, file_mode=FILE_MODE)
        buffer = BytesIO()
        image.write_fp(buffer)
        image.close()
        return buffer.getvalue()
