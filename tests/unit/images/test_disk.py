import struct
import subprocess
import uuid
from pathlib import Path

import pytest
from pydantic import ValidationError

from minetlab.images.disk import _boot_files, boot_record
from minetlab.images.guest import guest_recipe
from minetlab.images.recipe import EMULATED_FAMILY, ImageFile, ImageRecipe, files_of
from minetlab.images.toolbox import Toolbox
from minetlab.util.paths import TEMPLATES

RECIPE = ImageRecipe(name="base", suite="trixie", packages=("zsh",))


def test_equal_recipes_are_the_same_image() -> None:
    assert RECIPE.file_stem == RECIPE.model_copy().file_stem
    assert RECIPE.file_stem.startswith("base-")


@pytest.mark.parametrize(
    "change",
    [
        {"suite": "bookworm"},
        {"packages": ("zsh", "gdb")},
        {"files": (ImageFile(path="/etc/motd", content="hello"),)},
        {"hooks": ("true",)},
        {"disk_gib": 11},
        {"kernel_arguments": "quiet"},
        {"emulated_arguments": "quiet"},
    ],
)
def test_any_change_makes_another_image(change: dict[str, object]) -> None:
    assert RECIPE.model_copy(update=change).digest != RECIPE.digest


@pytest.mark.parametrize("change", [{"suite": "sid"}, {"name": "a/b"}, {"disk_gib": 0}, {"colour": "red"}])
def test_an_impossible_recipe_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ImageRecipe.model_validate({**RECIPE.model_dump(), **change})


def test_a_folder_becomes_files(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hook").write_text("true")
    (tmp_path / "etc/hook").chmod(0o700)
    (tmp_path / "etc/motd").write_text("hello")
    assert files_of(tmp_path) == (
        ImageFile(path="/etc/hook", content="true", mode=0o755),
        ImageFile(path="/etc/motd", content="hello"),
    )


def test_the_boot_record_has_one_active_partition_up_to_the_end() -> None:
    record = boot_record(b"\xeb" * 512, 2**31)
    assert len(record) == 512
    assert record[:440] == b"\xeb" * 440
    assert record[510:] == b"\x55\xaa"
    status, kind, start, sectors = struct.unpack("<B3xB3xII", record[446:462])
    assert (status, kind, start, start + sectors) == (0x80, 0x83, 2048, 2**31 // 512)
    assert record[462:510] == bytes(48)


def test_the_guest_image_is_made_its_guests_by_its_seed_only() -> None:
    recipe = guest_recipe(12)
    files = {file.path: file for file in recipe.files}
    assert recipe.suite == "bookworm"
    assert {"openssh-server", "qemu-guest-agent", "util-linux-extra"} <= set(recipe.packages)
    assert not {"cloud-init", "python3"} & set(recipe.packages)
    for program in ("grow", "identity", "init", "processors"):
        assert files[f"/usr/lib/minet-lab/{program}"].mode == 0o755
    assert "rm -f /etc/ssh/ssh_host_*" in recipe.hooks


def test_what_no_login_needs_is_wanted_by_another_target() -> None:
    hooks = "\n".join(guest_recipe().hooks)
    for unit, target in (("dbus.socket", "sockets"), ("systemd-sysctl.service", "sysinit")):
        assert f"ln -s /dev/null /etc/systemd/system/{target}.target.wants/{unit}" in hooks
        assert f"{unit} /etc/systemd/system/multi-user.target.wants/{unit}" in hooks


@pytest.mark.parametrize(
    "program", [*(TEMPLATES / "guest/usr/lib/minet-lab").iterdir()], ids=lambda p: p.name
)
def test_programs_of_the_guest_are_shell_scripts(program: Path) -> None:
    subprocess.run(["sh", "-n", str(program)], check=True)


def grub_cfg(recipe: ImageRecipe) -> str:
    return {file.path: file.content for file in _boot_files(recipe)}["/boot/grub/grub.cfg"]


def root_of(recipe: ImageRecipe) -> str:
    return f"root=UUID={uuid.UUID(recipe.digest[:32])} ro console=ttyS0"


def test_the_boot_loader_says_how_the_kernel_is_loaded() -> None:
    assert grub_cfg(RECIPE).splitlines()[:2] == [f"linux /vmlinuz {root_of(RECIPE)}", "initrd /initrd.img"]
    in_place = RECIPE.model_copy(update={"grub_command": "linux16"})
    loading, initrd = grub_cfg(in_place).splitlines()[:2]
    assert loading.startswith("linux16 /vmlinuz root=UUID=")
    assert initrd == "initrd16 /initrd.img"


def test_the_boot_loader_adds_arguments_only_where_the_machine_is_emulated() -> None:
    recipe = RECIPE.model_copy(update={"emulated_arguments": "mitigations=off"})
    choice, linux = grub_cfg(recipe).split("fi\n")
    assert linux == f"linux /vmlinuz {root_of(recipe)} $more\ninitrd /initrd.img\nboot\n"
    assert choice.splitlines()[1:] == [
        f'if [ "$family" = "{EMULATED_FAMILY}" ]; then',
        '    set more="mitigations=off"',
    ]


def test_images_that_are_loaded_as_ever_stay_the_same() -> None:
    assert "grub_command" not in RECIPE.model_dump_json()
    assert "emulated_arguments" not in RECIPE.model_dump_json()
    assert RECIPE.model_copy(update={"grub_command": "linux16"}).digest != RECIPE.digest


def test_a_tool_runs_through_the_loader_of_its_own_tree(tmp_path: Path) -> None:
    program = tmp_path / "usr/bin/qemu-img"
    program.parent.mkdir(parents=True)
    program.touch()
    assert Toolbox(tmp_path).command("qemu-img", "info") == [
        f"{tmp_path}/usr/lib64/ld-linux-x86-64.so.2",
        "--library-path",
        f"{tmp_path}/usr/lib/x86_64-linux-gnu",
        str(program),
        "info",
    ]
