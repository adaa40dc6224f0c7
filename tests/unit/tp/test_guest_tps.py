"""The TPs that are done in guests: reading their folders, and the guest image that has them."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from minetlab.images.guest import guest_recipe
from minetlab.lab import DebianImage
from minetlab.tp import guest_image, guest_tps
from minetlab.tp.sheet import steps
from minetlab.tp.tp_images import TP_FOLDER
from minetlab.util.errors import LabError
from minetlab.util.paths import TEMPLATES

VM = 'kvm = true\npackages = ["qemu-system-x86"]\n'


def write(folder: Path, toml: str = VM, **home: str) -> Path:
    (folder / "home").mkdir(parents=True)
    (folder / "guest.toml").write_text(toml)
    for name, content in home.items():
        (folder / "home" / name).write_text(content)
    return folder


def test_every_tp_for_guests_reads_and_has_a_sheet() -> None:
    names = sorted(path.parent.name for path in TP_FOLDER.glob("*/guest.toml"))
    assert names == ["conteneur", "vm"]
    for tp in guest_tps.read(names):
        assert steps((TP_FOLDER / tp.name / "fiche.md").read_text())
    assert [tp.name for tp in guest_tps.read(names) if tp.kvm] == ["vm"]


def test_same_inputs_same_image_and_any_other_content_another(tmp_path: Path) -> None:
    first = write(tmp_path / "1" / "vm", a="x")
    same = write(tmp_path / "2" / "vm", a="x")
    image = tmp_path / "8" / "unix"
    others = [
        write(tmp_path / "3" / "vm", a="y"),
        write(tmp_path / "4" / "vm", b="x"),
        write(tmp_path / "5" / "vm", "packages = []", a="x"),
        write(tmp_path / "6" / "vm", a="x"),
        write(tmp_path / "7" / "vm", a="x"),
        write(tmp_path / "8" / "vm", f'{VM}images = ["unix"]', a="x"),
        write(tmp_path / "9" / "vm", f'{VM}images = ["unix"]', a="x"),
    ]
    (others[3] / "home" / "a").chmod(0o755)
    (others[4] / "build.sh").write_text("true\n")
    for folder, package in ((image, "zsh"), (tmp_path / "9" / "unix", "bash")):
        folder.mkdir()
        (folder / "image.toml").write_text(f'packages = ["{package}"]\n')

    def digest(folder: Path) -> str:
        return guest_tps.recipe(13, [folder.name], folder.parent).digest

    assert digest(first) == digest(same)
    assert len({digest(first), *map(digest, others)}) == 1 + len(others)


def test_the_name_of_the_base_image_follows_its_tps() -> None:
    names = {guest_image.volume(DebianImage(), tps) for tps in ((), ("vm",), ("vm", "conteneur"))}
    assert len(names) == 3


def test_without_tps_the_image_is_the_guest_image_alone() -> None:
    assert guest_tps.recipe(12, []) == guest_recipe(12)
    assert "archives" not in guest_recipe(12).model_dump()


def test_files_are_in_every_new_home_folder_and_built_in_place(tmp_path: Path) -> None:
    folder = write(tmp_path / "vm", start="#!/bin/sh\n")
    (folder / "home" / "start").chmod(0o755)
    (folder / "build.sh").write_text("rm /usr/bin/qemu-system-i386\n")
    recipe = guest_tps.recipe(13, ["vm"], tmp_path)
    (start,) = [file for file in recipe.files if file.path == "/etc/skel/vm/start"]
    assert start.mode == 0o755
    assert "qemu-system-x86" in recipe.packages
    assert recipe.hooks[-1].endswith("cd /etc/skel/vm\nrm /usr/bin/qemu-system-i386\n")
    assert "docker.io" not in recipe.packages


@pytest.mark.parametrize("debian", [12, 13])
def test_docker_comes_with_its_images_and_does_not_run_at_the_boot(debian: int) -> None:
    recipe = guest_tps.recipe(debian, ["conteneur"])
    assert "docker.io" in recipe.packages
    assert ("docker-cli" in recipe.packages) == (debian == 13)
    (archive,) = recipe.archives
    assert (archive.path, archive.recipe.name) == (
        "/usr/local/share/tp-images/processus.tar.gz",
        "tp-processus",
    )
    text = "\n".join(recipe.hooks)
    for unit in ("docker.service", "containerd.service", "apparmor.service"):
        assert unit in text.partition("systemctl disable ")[2].partition(";")[0]
    assert "systemctl enable docker.socket" in text
    (unit_file,) = [file for file in recipe.files if "containerd.service.d" in file.path]
    assert "TimeoutStartSec=infinity" in unit_file.content


@pytest.fixture
def docker_program(tmp_path: Path) -> Path:
    """The guests' ``docker``, which knows one image and calls a program of the test as Docker."""
    for folder in ("images", "imported"):
        (tmp_path / folder).mkdir()
    (tmp_path / "images" / "conteneur.instructions").write_text("CMD sh\n")
    (tmp_path / "images" / "conteneur.tar.zst").write_bytes(b"")
    (tmp_path / "imported" / ".lock").touch()
    program = tmp_path / "docker"
    text = (TEMPLATES / "guest-docker/usr/local/bin/docker").read_text()
    for there, here in (
        ("/usr/bin/docker", f"{tmp_path}/real-docker"),
        ("/usr/local/share/tp-images", f"{tmp_path}/images"),
        ("/var/lib/tp-images", f"{tmp_path}/imported"),
        ("start_limit=1h", "start_limit=1s"),
    ):
        assert there in text
        text = text.replace(there, here)
    program.write_text(text)
    program.chmod(0o755)
    return program


def real_docker(program: Path, script: str) -> None:
    real = program.parent / "real-docker"
    real.write_text(f'#!/bin/sh\necho "$@" >>{program.parent}/calls\n{script}\n')
    real.chmod(0o755)


def test_a_docker_that_does_not_start_is_said_and_not_waited_for_for_ever(docker_program: Path) -> None:
    real_docker(docker_program, "exec sleep 60")
    done = subprocess.run(
        [docker_program, "run", "conteneur"], check=False, capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 1
    assert "Docker ne démarre pas" in done.stderr
    assert (docker_program.parent / "calls").read_text() == "version\n"


def test_ctrl_c_ends_the_wait_for_docker(docker_program: Path) -> None:
    docker_program.write_text(docker_program.read_text().replace("start_limit=1s", "start_limit=1m"))
    real_docker(docker_program, "exec sleep 60")
    terminal, ours = os.openpty()
    with subprocess.Popen(
        ["setsid", "--ctty", docker_program, "run", "conteneur"], stdin=ours, stdout=ours, stderr=ours
    ) as waiting:
        while not (docker_program.parent / "calls").exists():
            assert waiting.poll() is None
            time.sleep(0.01)
        os.write(terminal, b"\x03")
        waiting.wait(timeout=30)
    assert waiting.returncode
    os.close(terminal)
    os.close(ours)


def test_an_image_is_imported_before_the_first_command_that_names_it(docker_program: Path) -> None:
    real_docker(docker_program, "cat >/dev/null")
    for _ in range(2):
        subprocess.run([docker_program, "run", "conteneur"], check=True, input=b"", timeout=50)
    assert (docker_program.parent / "calls").read_text().splitlines() == [
        "version",
        "import --change=CMD sh - conteneur",
        "run conteneur",
        "run conteneur",
    ]


def test_an_unknown_tp_names_the_known_ones(tmp_path: Path) -> None:
    write(tmp_path / "vm")
    with pytest.raises(LabError, match="guest_tps: there is no TP for guests 'unix'") as caught:
        guest_tps.read(["unix"], tmp_path)
    assert caught.value.next_step == "use one of these in group_data/kvm_hosts.py: vm"


@pytest.mark.parametrize(
    ("toml", "named"),
    [('packages = ["a; b"]', "packages.0"), ("colour = 1", "colour"), ('kvm = "yes"', "kvm"), ("oops", "")],
)
def test_a_wrong_definition_names_file_and_field(tmp_path: Path, toml: str, named: str) -> None:
    folder = write(tmp_path / "vm", toml)
    with pytest.raises(LabError) as caught:
        guest_tps.read(["vm"], tmp_path)
    assert str(folder / "guest.toml") in str(caught.value)
    assert named in str(caught.value)
