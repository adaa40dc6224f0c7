"""What libvirt is told of AppArmor: on a host that answers from a script, and in a file like Debian's."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from minetlab.facts import confinement as facts
from minetlab.operations import confinement
from minetlab.resources.confinement import QEMU_CONFIG, SETTINGS, ConfinementObserved
from tests.support.fake_host import Run, run_operation

AVAILABLE = "available yes"
SET = [f"{name} {value}" for name, value in SETTINGS.items()]
RESTART = "systemctl try-restart libvirtd.service"
DEBIANS = '#security_driver = "selinux"\n\n#security_require_confined = 1\nvnc_password = "x"'


def qemu(lines: list[str]) -> Run:
    return run_operation(confinement.qemu, {facts.ENABLED: lines})


def test_where_each_qemu_is_confined_nothing_is_done() -> None:
    run = qemu([AVAILABLE, *SET])
    assert (len(run.commands), run.idle) == (1, True)


def test_a_kernel_without_apparmor_is_named_and_libvirt_is_told_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = qemu([])
    assert (len(run.commands), run.idle) == (1, True)
    assert caplog.text.count("its kernel has no AppArmor") == 1


@pytest.mark.parametrize("name", SETTINGS)
def test_what_is_missing_or_weaker_is_set_and_libvirtd_reads_it(name: str) -> None:
    others = [line for line in SET if not line.startswith(name)]
    for lines in (others, [*others, f"{name} 0"]):
        run = qemu([AVAILABLE, *lines])
        assert (run.changed, len(run.commands), run.commands[-1]) == (True, 3, RESTART)


def test_a_libvirtd_that_has_not_read_it_is_restarted() -> None:
    assert qemu([AVAILABLE, *SET, "stale yes"]).commands[1:] == [RESTART]


@pytest.mark.parametrize(
    "before",
    [
        DEBIANS,
        f"{DEBIANS}\n",
        f'{DEBIANS}\nsecurity_driver = "none"\n  security_require_confined=0',
        f"security_default_confined = 0\nsecurity_default_confined = 1\n{DEBIANS}\n",
    ],
)
def test_the_file_keeps_what_is_the_administrators_and_its_mode(tmp_path: Path, before: str) -> None:
    file = tmp_path / "qemu.conf"
    file.write_text(before)
    file.chmod(0o600)
    (command,) = (command for command in qemu([AVAILABLE]).commands if "sed -i" in command)
    subprocess.run(["sh", "-c", command.replace(QEMU_CONFIG, str(file))], check=True)
    ours = "".join(f"{name} = {value}\n" for name, value in SETTINGS.items())
    assert file.read_text() == f"{DEBIANS}\n{ours}"
    assert (file.stat().st_mode & 0o777, list(tmp_path.iterdir())) == (0o600, [file])
    assert read(tmp_path).settings == SETTINGS


def read(folder: Path) -> ConfinementObserved:
    """What the fact makes of a host whose files are in this folder."""
    command = facts.QemuConfinement().command()
    places = {facts.ENABLED: "enabled", facts.PROFILES: "profiles", QEMU_CONFIG: "qemu.conf"}
    for path, name in {**places, "/run/libvirtd.pid": "pid"}.items():
        command = command.replace(path, shlex.quote(str(folder / name)))
    answer = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert answer.stderr == ""
    return facts.QemuConfinement().process(answer.stdout.splitlines())


def test_apparmor_is_available_where_it_is_on_and_libvirtd_sees_it(tmp_path: Path) -> None:
    assert read(tmp_path) == ConfinementObserved()
    (tmp_path / "enabled").write_text("Y\n")
    assert not read(tmp_path).available, "a container, which sees its host's"
    (tmp_path / "profiles").touch()
    assert read(tmp_path).available
    (tmp_path / "enabled").write_text("N\n")
    assert not read(tmp_path).available


def test_a_file_that_is_newer_than_libvirtd_was_not_read(tmp_path: Path) -> None:
    (tmp_path / "qemu.conf").touch()
    assert not read(tmp_path).stale, "nothing runs that could have read it"
    (tmp_path / "pid").touch()
    for age, stale in ((10, False), (-10, True)):
        os.utime(tmp_path / "qemu.conf", (0, (tmp_path / "pid").stat().st_mtime - age))
        assert read(tmp_path).stale == stale
