"""Checkpoints: all sandbox hosts of a lab, memory and disk, as they were at one moment.

A checkpoint is a folder with one folder per host; the host's files are laid out there as in the state folder
of a suspended host. It holds every secret that the hosts held, and only this user can read it.
"""

import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from pydantic import BaseModel

from minetlab.images.cache import require_free_space
from minetlab.images.toolbox import Toolbox, ensure_toolbox
from minetlab.sandbox import replace, resume, trial
from minetlab.sandbox.disk import broken_image
from minetlab.sandbox.identity import IDENTITY
from minetlab.sandbox.lifecycle import platform_of, settle, start
from minetlab.sandbox.machine import RECORD, HostRecord, SandboxHost, read_record
from minetlab.sandbox.pause import pause
from minetlab.sandbox.platform import Platform
from minetlab.sandbox.qemu import DISK
from minetlab.sandbox.saved import checksum, suspended
from minetlab.util.errors import LabError
from minetlab.util.files import scratch_folder
from minetlab.util.process import run
from minetlab.util.progress import Progress

CHECKPOINT_MANIFEST = "checkpoint.json"
KEPT = (DISK, RECORD, *IDENTITY)
"""The files of a host that a checkpoint keeps in addition to its memory."""
COPY_LIMIT = 3600.0
"""Seconds to copy the files of one host: they are gigabytes, and the disk may be slow."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")


class CheckpointManifest(BaseModel, frozen=True):
    """The content of a checkpoint; written last, so that a checkpoint that has a manifest is complete.

    :param saved: when it was saved.
    :param made_of: a hash of everything that the lab was made of; empty if it was not given.
    :param disks: the XXH128 of each host's disk, by the host's name.
    :param identities: the SHA-256 of each host's record and keys, by the host's name; empty in checkpoints
        of older versions.
    """

    saved: datetime
    made_of: str
    disks: dict[str, str]
    identities: dict[str, str] = {}


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint, whether it exists or not.

    :param folder: its folder, whose name is the name of the checkpoint.
    """

    folder: Path

    @classmethod
    def named(cls, name: str, parent: Path) -> "Checkpoint":
        """Return the checkpoint with this name, whether it exists or not.

        :param name: the name that the administrator gave.
        :param parent: the folder of all checkpoints of a lab.
        :return: the checkpoint.
        :raises LabError: the name has characters that are not allowed, or is too long.
        """
        if not _NAME.fullmatch(name):
            raise LabError(
                f"{name!r} cannot be the name of a checkpoint",
                next_step="use lower-case letters, digits, dots, dashes and underscores, 40 at most",
            )
        return cls(parent / name)

    @property
    def name(self) -> str:
        """The name, which is that of the folder."""
        return self.folder.name

    @property
    def manifest(self) -> CheckpointManifest | None:
        """The manifest; None if the checkpoint does not exist or is incomplete."""
        try:
            return CheckpointManifest.model_validate_json((self.folder / CHECKPOINT_MANIFEST).read_bytes())
        except (OSError, ValueError):
            return None

    @property
    def size(self) -> int:
        """The room on disk that it takes, in bytes."""
        return sum(file.stat().st_blocks * 512 for file in self.folder.rglob("*") if file.is_file())


class UnusableCheckpointError(LabError):
    """A checkpoint that cannot be restored, now or later."""


ProgressOf = Callable[[str], Progress]
"""Returns, for the name of a host, where its lines of progress go."""


def list_checkpoints(parent: Path) -> list[Checkpoint]:
    """List the checkpoints in ``parent``, the folder of a lab's checkpoints, sorted by name."""
    return [Checkpoint(folder) for folder in sorted(parent.glob("[!.]*")) if folder.is_dir()]


def save(checkpoint: Checkpoint, hosts: Iterable[str], progress_of: ProgressOf, made_of: str = "") -> None:
    """Save hosts as they are at this moment; those that run are stopped meanwhile, and resumed.

    :param checkpoint: the checkpoint to write.
    :param hosts: the names of all sandbox hosts of the lab; each runs or is suspended.
    :param progress_of: where the progress of each host goes.
    :param made_of: a hash of everything that the lab is made of.
    :raises LabError: the checkpoint exists, a host neither runs nor is suspended, or there is no room.
    """
    with _locked(hosts, progress_of) as machines:
        if checkpoint.folder.exists():
            raise LabError(
                f"there is a checkpoint {checkpoint.name} already",
                next_step=f"take another name, or remove it: ./lab sandbox rm --checkpoint {checkpoint.name}",
            )
        _sweep(checkpoint.folder.parent, "partial", "gone")
        saved = [(machine, _record_to_save(machine)) for machine in machines]
        _require_room(checkpoint.folder.parent, machines)
        with scratch_folder(checkpoint.folder) as partial:
            disks = _save_all(saved, partial, progress_of)
            manifest = CheckpointManifest(
                saved=datetime.now(UTC),
                made_of=made_of,
                disks=disks,
                identities={machine.name: _identity(partial / machine.name) for machine in machines},
            )
            (partial / CHECKPOINT_MANIFEST).write_text(manifest.model_dump_json(indent=2))
            partial.rename(checkpoint.folder)


def restore(checkpoint: Checkpoint, hosts: Iterable[str], progress_of: ProgressOf) -> None:
    """Put hosts back to their saved state and resume them; their present state is lost.

    :param checkpoint: the checkpoint to restore.
    :param hosts: the names of all sandbox hosts of the lab; none runs.
    :param progress_of: where the progress of each host goes.
    :raises UnusableCheckpointError: the checkpoint is damaged, or of other hosts; nothing was changed.
    :raises LabError: a host runs or there is no room, and nothing was changed; or a restored host does not
        come up.
    """
    hosts = list(hosts)
    with _locked(hosts, progress_of) as machines:
        if problem := obstacle(checkpoint, hosts, progress_of):
            raise UnusableCheckpointError(
                f"the checkpoint {checkpoint.name} cannot be restored: {problem}",
                next_step="choose another (./lab sandbox ls), or bring the lab up without it: ./lab up",
            )
        if running := [machine.name for machine in machines if machine.pid is not None]:
            raise LabError(
                f"no host may run during a restore, and these do: {', '.join(running)}",
                next_step="stop them: ./lab sandbox stop; the restore discards their present state, which "
                "./lab sandbox save NAME would keep",
            )
        _sweep(checkpoint.folder.parent, "partial", "gone")
        _require_room(machines[0].folder.parent, [], checkpoint.size)
        replace.all_at_once(machines, lambda machine, copy: _copy(checkpoint.folder / machine.name, copy))
    with ThreadPoolExecutor() as workers:
        starts = {workers.submit(_start, machine, progress_of(machine.name)) for machine in machines}
        for start_of_host in starts:
            start_of_host.result()


def remove(checkpoint: Checkpoint) -> None:
    """Delete a checkpoint; hosts that were restored from it stay as they are.

    :param checkpoint: the checkpoint to delete.
    :raises LabError: it does not exist.
    """
    if not checkpoint.folder.exists():
        raise LabError(
            f"there is no checkpoint {checkpoint.name}", next_step="see which there are: ./lab sandbox ls"
        )
    _sweep(checkpoint.folder.parent, "gone")
    checkpoint.folder.rename(checkpoint.folder.with_name(f".{checkpoint.name}.gone"))
    _sweep(checkpoint.folder.parent, "gone")


def obstacle(checkpoint: Checkpoint, hosts: Iterable[str], progress_of: ProgressOf) -> str | None:
    """Say why these hosts cannot be restored from a checkpoint, or return None; reads all of its files."""
    if not checkpoint.folder.exists():
        return "there is none of that name"
    manifest = checkpoint.manifest
    if manifest is None:
        return "it is not whole"
    hosts = set(hosts)
    if manifest.disks.keys() != hosts:
        return f"it is of {', '.join(sorted(manifest.disks))}, and the lab has {', '.join(sorted(hosts))}"
    for name, disk_checksum in manifest.disks.items():
        saved = SandboxHost(name, checkpoint.folder / name)
        identity = manifest.identities.get(name)
        if identity and identity != _identity(saved.folder):
            return f"{name}: its record or its keys are damaged"
        if problem := _obstacle_to(saved, disk_checksum, progress_of(name)):
            return f"{name}: {problem}"
    return None


def _obstacle_to(saved: SandboxHost, disk_checksum: str, progress: Progress) -> str | None:
    try:
        record = read_record(saved.folder)
    except (OSError, ValueError) as error:
        return f"its record cannot be read: {error}"
    if not saved.disk.exists():
        return "it is not whole"
    if broken := broken_image(record):
        return f"the image under its disk is gone or damaged: {broken}"
    toolbox = ensure_toolbox(progress)
    if checksum(saved.disk, toolbox) != disk_checksum:
        return "its disk is damaged: the checksum does not match"
    platform = platform_of(record.spec, record.image, toolbox, progress)
    return suspended(saved).obstacle(platform, record.image_sha256, saved.disk) or trial.obstacle(
        platform, progress
    )


def _identity(folder: Path) -> str:
    """Return the SHA-256 of a saved host's record and keys."""
    files = [folder / name for name in (RECORD, *IDENTITY)]
    contents = (file.read_bytes() if file.exists() else b"" for file in files)
    return sha256(b"".join(sha256(content).digest() for content in contents)).hexdigest()


def _record_to_save(machine: SandboxHost) -> HostRecord:
    record = machine.record
    if record is None or (machine.pid is None and not suspended(machine).exists):
        raise LabError(
            f"sandbox host {machine.name} neither runs nor is suspended",
            next_step="bring the lab up first: ./lab up",
        )
    return record


def _save_all(
    hosts: list[tuple[SandboxHost, HostRecord]], folder: Path, progress_of: ProgressOf
) -> dict[str, str]:
    """Save each host into a subfolder; return the checksums of the disks by the host's name."""
    toolbox = ensure_toolbox(progress_of(hosts[0][0].name))
    running = [(machine, record) for machine, record in hosts if machine.pid is not None]
    for machine, record in running:
        if reason := trial.obstacle(_platform(record, toolbox), progress_of(machine.name)):
            raise LabError(
                f"sandbox host {machine.name} cannot be saved: {reason}",
                next_step="copy the files that matter; ./lab down and ./lab up make the lab anew",
            )
    try:
        for machine, record in running:  # stop all before saving the first: the states are of one moment
            pause(machine, record.accelerator)
        for machine, record in hosts:
            progress_of(machine.name)("saving it")
            _save(machine, record, folder / machine.name, toolbox)
    finally:
        for machine, _ in running:
            resume.let_run(machine)  # all at once, before the slower steps, in which one may fail
        for machine, record in running:
            resume.go_on(machine, record.accelerator, progress_of(machine.name))
    return {machine.name: checksum(folder / machine.name / DISK, toolbox) for machine, _ in hosts}


def _save(machine: SandboxHost, record: HostRecord, folder: Path, toolbox: Toolbox) -> None:
    saved = SandboxHost(machine.name, folder)
    folder.mkdir(mode=0o700)
    if machine.pid is None:
        _copy(suspended(machine).folder, suspended(saved).folder)
    else:
        suspended(saved).save(machine, _platform(record, toolbox), record.image_sha256)
    for name in KEPT:
        _copy(machine.folder / name, folder / name)


def _platform(record: HostRecord, toolbox: Toolbox) -> Platform:
    """Return the platform on which a running host runs."""
    return Platform(record.spec, (), record.image, record.accelerator, toolbox)


def _copy(source: Path, target: Path) -> None:
    # Timestamps are preserved because a saved memory recognizes its disk by size and time of change. The file
    # system may share blocks (reflink) instead of copying them.
    options = ("--recursive", "--preserve=mode,timestamps", "--sparse=always", "--reflink=auto")
    run(["cp", *options, str(source), str(target)], limit=COPY_LIMIT)


def _start(machine: SandboxHost, progress: Progress) -> None:
    record = machine.record
    assert record is not None  # noqa: S101 (the restore has just written it)
    start(machine.name, record.spec, progress)


@contextmanager
def _locked(hosts: Iterable[str], progress_of: ProgressOf) -> Iterator[list[SandboxHost]]:
    """Provide a context in which no other run starts, stops or removes these hosts, sorted by name."""
    with ExitStack() as stack:
        # Every run takes the locks in the same order: two runs cannot wait for each other.
        machines = [SandboxHost(name) for name in sorted(hosts)]
        for machine in machines:
            stack.enter_context(machine.locked(progress_of(machine.name)))
            settle(machine, progress_of(machine.name))
        yield machines


def _require_room(folder: Path, machines: Iterable[SandboxHost], more: int = 0) -> None:
    needed = more / 2**30
    for machine in machines:
        memory = suspended(machine).size if machine.pid is None else machine.resident_gib * 2**30
        needed += (memory + machine.disk.stat().st_blocks * 512) / 2**30
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    require_free_space(folder, needed, "a checkpoint")


def _sweep(parent: Path, *kinds: str) -> None:
    """Delete what killed runs have left of checkpoints that they were making or removing."""
    for kind in kinds:
        for leftover in parent.glob(f".*.{kind}"):
            shutil.rmtree(leftover, ignore_errors=True)
