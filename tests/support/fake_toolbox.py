"""A toolbox whose programs stand in for QEMU and its tools, so that whole hosts can be had in unit tests."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from minetlab.images.toolbox import Toolbox, toolbox_folder
from minetlab.sandbox.images import sandbox_recipe
from minetlab.sandbox.machine import sandbox_dir
from minetlab.sandbox.spec import SandboxSpec
from minetlab.util.errors import LabError
from tests.support.images import put_into_cache
from tests.support.mirror import edition

SMALL = SandboxSpec(memory=512)
QEMU = Path(__file__).with_name("fake_qemu.py")
PROGRAMS = {
    "lib64/ld-linux-x86-64.so.2": 'shift 2; exec "$@"',
    "bin/qemu-system-x86_64": f'exec {sys.executable} -S -E {QEMU} "$ROOT" "$@"',
    "bin/qemu-img": 'echo "on $6" >"$9"',  # create -q -f qcow2 -b BASE -F qcow2 DISK
    "bin/xxhsum": 'sha256sum "$3"',  # -q -H128 FILE
}


class FakeToolbox(Toolbox):
    """What the stand-ins are to do, and what they were asked."""

    def behave(self, **how: object) -> None:
        """Have the stand-ins do something otherwise than usual, and all else as usual.

        :param **how: see ``fake_qemu.py``; an underscore stands for a space.
        """
        behaviour = {name.replace("_", " "): value for name, value in how.items()}
        partial = self.root / "behaviour.partial"
        partial.write_text(json.dumps(behaviour))
        partial.replace(self.root / "behaviour.json")

    @property
    def log(self) -> list[dict[str, Any]]:
        """All that the machines were asked, by their monitors and agents."""
        file = self.root / "log.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def did(self, *of: str) -> list[str]:
        """What the machines did, of these, in this order; of scripts, their names."""
        done = [
            next((word for word in entry.get("words", ()) if word.endswith(".sh")), entry["did"])
            for entry in self.log
        ]
        return [each for each in done if each in of or each.split()[0] in of]

    def scripts(self, name: str) -> list[dict[str, Any]]:
        """The runs of a script inside the machines."""
        return [entry for entry in self.log if name in entry.get("words", ())]


@pytest.fixture
def toolbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeToolbox]:
    """The toolbox in a cache of its own; machines that were started with it end with the test."""
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("MINETLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(2**40, 0, 2**40))
    for module in ("bootstrap", "toolbox"):
        monkeypatch.setattr(f"minetlab.images.{module}.mmdebstrap", _refuse_to_build)
    root = toolbox_folder()
    for name, line in PROGRAMS.items():
        file = root / "usr" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/sh\nROOT={root}\n{line}\n")
        file.chmod(0o700)
    runs_under("tcg")
    toolbox = FakeToolbox(root)
    yield toolbox
    for pid in {entry["pid"] for entry in toolbox.log}:
        with suppress(OSError):
            if str(QEMU) in Path(f"/proc/{pid}/cmdline").read_text():
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def image(toolbox: FakeToolbox) -> Path:
    """An image of hosts of the spec :data:`SMALL` that is in the cache."""
    return image_of(SMALL)


def image_of(spec: SandboxSpec) -> Path:
    return put_into_cache(sandbox_recipe(spec.debian, spec.image, spec.disk), ".qcow2", {}, edition())


def _refuse_to_build(*_: object, **__: object) -> None:
    raise LabError("a unit test builds no image", next_step="put the image into the test's cache")


def runs_under(accelerator: str) -> None:
    """Have it be known which accelerator this machine has."""
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    known = {"boot_id": boot_id, "name": accelerator, "reason": "for the test"}
    (sandbox_dir() / "accelerator.json").write_text(json.dumps(known))
