"""A qemu-img that knows no more of an image than the first bytes, for tests that have no toolbox."""

import json
from pathlib import Path

import pytest

from minetlab.images.toolbox import Toolbox
from minetlab.tp import guest_image

PLAIN = {"virtual-size": 2**31, "format": "qcow2"}


def toolbox_with(folder: Path, **answer: object) -> Toolbox:
    """Return a toolbox whose qemu-img gives this answer for every file that begins as a qcow2 image does.

    :param folder: where the toolbox is made.
    :param **answer: what is otherwise than in the answer for a plain image; an underscore stands for a dash.
    """
    program = folder / "toolbox/usr/bin/qemu-img"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.touch()
    info = json.dumps({**PLAIN, **{name.replace("_", "-"): value for name, value in answer.items()}})
    loader = folder / "toolbox/usr/lib64/ld-linux-x86-64.so.2"
    loader.parent.mkdir(parents=True, exist_ok=True)
    # --library-path DIR PROGRAM info --output=json -f qcow2 FILE
    loader.write_text(f'#!/bin/sh\n[ "$(head -c 3 "$8")" = QFI ] && echo \'{info}\'\n')
    loader.chmod(0o700)
    return Toolbox(folder / "toolbox")


@pytest.fixture
def plain_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every image that begins as a qcow2 image does be a plain one, of two GiB."""
    toolbox = toolbox_with(tmp_path)
    monkeypatch.setattr(guest_image, "ensure_toolbox", lambda progress: toolbox)
