"""TP images: reading their folders, their content hash, and the import on a host."""

import os
import shlex
from pathlib import Path

import pytest

from minetlab.operations import tp_images as operations
from minetlab.resources.docker import ACCESS, CONTAINER_SSH_PORT, TP_ACCOUNTS
from minetlab.tp import tp_images
from minetlab.util.errors import LabError
from tests.support.container_host import STATE, image_line
from tests.support.fake_host import Run, run_operation

ROOM = "df --output=avail"
BRIDGE = '{"kind":"network","name":"bridge","lab":""}'  # every dockerd has it


def write(folder: Path, toml: str, **files: str) -> Path:
    (folder / "home").mkdir(parents=True)
    (folder / "image.toml").write_text(toml)
    for name, content in files.items():
        (folder / "home" / name).write_text(content)
    return folder


def test_every_tp_image_of_the_project_reads() -> None:
    names = [path.parent.name for path in tp_images.TP_FOLDER.glob("*/image.toml")]
    assert "processus" in names
    for image in tp_images.read(names):
        assert tp_images.spec("minet", image).reference.startswith(f"minet/{image.name}:")
        assert (tp_images.TP_FOLDER / image.name / "fiche.md").exists()


def test_same_inputs_same_hash_and_any_other_content_another(tmp_path: Path) -> None:
    toml = 'packages = ["zsh"]\n'
    first = write(tmp_path / "1" / "nix", toml, a="x")
    same = write(tmp_path / "2" / "nix", toml, a="x")
    others = [
        write(tmp_path / "3" / "nix", toml, a="y"),
        write(tmp_path / "4" / "nix", toml, b="x"),
        write(tmp_path / "5" / "nix", 'packages = ["bash"]\n', a="x"),
        write(tmp_path / "6" / "nix", f"debian = 12\n{toml}", a="x"),
        write(tmp_path / "7" / "nix", toml, a="x"),
        write(tmp_path / "8" / "nix", toml, a="x"),
        write(tmp_path / "9" / "nix", f'{toml}build_packages = ["gcc"]\n', a="x"),
    ]
    (others[4] / "home" / "a").chmod(0o755)
    for built in others[5:]:
        (built / "build.sh").write_text("true\n")

    def digest(folder: Path) -> str:
        (image,) = tp_images.read([folder.name], folder.parent)
        return tp_images.spec("minet", image).reference

    assert digest(first) == digest(same)
    assert len({digest(first), *map(digest, others)}) == 1 + len(others)


@pytest.mark.parametrize("link", ["home/key", "home/folder/key", "build.sh", "fiche.md", "image.toml"])
def test_a_link_to_a_file_of_this_machine_is_refused(tmp_path: Path, link: str) -> None:
    """A TP's folder may come from somebody else, and every student gets what is in its image."""
    (tmp_path / "key").write_text('packages = ["zsh"]\n')
    folder = write(tmp_path / "tp" / "nix", 'packages = ["zsh"]\n')
    (folder / link).parent.mkdir(exist_ok=True)
    (folder / link).unlink(missing_ok=True)
    (folder / link).symlink_to(os.path.relpath(tmp_path / "key", (folder / link).parent))
    with pytest.raises(LabError, match=rf"{link} is a link out of .*: to (\.\./)+key\n"):
        tp_images.read(["nix"], folder.parent)


def test_a_link_within_the_folder_is_the_file_and_the_folder_may_be_a_link(tmp_path: Path) -> None:
    folder = write(tmp_path / "tp" / "nix", 'packages = ["zsh"]\n', a="x")
    (folder / "home" / "b").symlink_to("a")
    (tmp_path / "link").symlink_to(folder.parent)
    (tmp_path / "tps").mkdir()
    (tmp_path / "tps" / "nix").symlink_to(folder)
    for tps in (tmp_path / "link", tmp_path / "tps"):
        (image,) = tp_images.read(["nix"], tps)
        assert [(file.path, file.content) for file in image.home] == [("/a", "x"), ("/b", "x")]
    (folder / "home" / "loop").symlink_to("loop")
    with pytest.raises(LabError, match="home/loop is a link out of"):
        tp_images.read(["nix"], tmp_path / "tps")


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ("packages = []", "packages"),
        ('packages = ["a; b"]', "packages.0"),
        ('packages = ["zsh"]\ncolour = 1', "colour"),
        ('debian = 11\npackages = ["zsh"]', "debian"),
        ("oops", "image.toml"),
        ('packages = ["zsh"]\nbuild_packages = ["gcc"]', "build_packages: Value error, there is no build.sh"),
        ('packages = ["zsh"]\nbuild_packages = ["Gcc"]', "build_packages.0"),
    ],
)
def test_a_wrong_definition_names_file_and_field(tmp_path: Path, toml: str, named: str) -> None:
    folder = write(tmp_path / "nix", toml)
    with pytest.raises(LabError) as caught:
        tp_images.read(["nix"], tmp_path)
    assert named in str(caught.value)
    assert str(folder / "image.toml") in str(caught.value)


def test_a_package_cannot_both_stay_and_go(tmp_path: Path) -> None:
    folder = write(tmp_path / "nix", 'packages = ["gcc", "zsh"]\nbuild_packages = ["cpio", "gcc"]')
    (folder / "build.sh").write_text("true\n")
    with pytest.raises(LabError, match=r"build_packages: Value error, also in packages.*: gcc\n"):
        tp_images.read(["nix"], tmp_path)


def test_an_image_is_built_with_packages_that_do_not_stay(tmp_path: Path) -> None:
    folder = write(tmp_path / "nix", 'packages = ["zsh"]\nbuild_packages = ["gcc", "cpio"]', a="x")
    (folder / "build.sh").write_text("gcc a.c\n")
    (image,) = tp_images.read(["nix"], tmp_path)
    recipe = tp_images.recipe(image)
    assert recipe.packages == (*tp_images.TP_IMAGE_PACKAGES, "zsh", "gcc", "cpio")
    build, purge, *rest = recipe.hooks
    assert build.endswith("; cd /home/etudiant\ngcc a.c\n")
    assert purge == "apt-get purge --yes --auto-remove gcc cpio"
    assert tuple(rest) == tp_images.HOOKS


def test_an_image_without_a_build_is_made_as_before_there_were_any() -> None:
    (image,) = tp_images.read(["processus"])
    assert tp_images.recipe(image).hooks == tp_images.HOOKS


def test_an_unknown_image_names_the_known_ones(tmp_path: Path) -> None:
    write(tmp_path / "nix", 'packages = ["zsh"]')
    with pytest.raises(LabError, match="nix") as caught:
        tp_images.read(["unix"], tmp_path)
    assert "'unix'" in caught.value.problem


def test_import_carries_user_command_and_labels() -> None:
    (image,) = tp_images.read(["processus"])
    changes = tp_images.spec("minet", image).changes()
    assert "--change=USER etudiant" in changes
    assert '--change=LABEL org.minet-lab.lab="minet"' in changes
    assert '--change=CMD ["/etc/minet-lab/start"]' in changes
    (start,) = (file for file in tp_images.recipe(image).files if file.path == "/etc/minet-lab/start")
    assert start.mode == 0o755


def test_accounts_are_where_the_build_of_an_image_leaves_them() -> None:
    """What is in /run and /tmp, mmdebstrap removes in the end; without them, Docker finds no account."""
    assert not TP_ACCOUNTS.startswith(("/run", "/tmp"))  # noqa: S108 (of an image)
    (image,) = tp_images.read(["processus"])
    assert (
        f"ln --symbolic --force {TP_ACCOUNTS}/passwd {TP_ACCOUNTS}/group /etc"
        in tp_images.recipe(image).hooks[-1]
    )


def test_sshd_listens_and_finds_its_keys_where_containers_have_them() -> None:
    (image,) = tp_images.read(["processus"])
    config = {file.path: file.content for file in tp_images.recipe(image).files}["/etc/minet-lab/sshd_config"]
    settings = dict(line.split(maxsplit=1) for line in config.splitlines() if not line.startswith("#"))
    assert settings["Port"] == str(CONTAINER_SSH_PORT)
    assert settings["HostKey"] == f"{ACCESS}/host_key"
    assert settings["AuthorizedKeysFile"] == f"{ACCESS}/authorized_keys"
    most, _, full = settings["MaxStartups"].split(":")
    assert int(settings["PerSourceMaxStartups"]) < int(most) == int(full)


def test_an_image_that_is_there_is_one_command() -> None:
    reference = tp_images.references("minet", ["processus"])["processus"]
    responses = {STATE: [image_line(reference)]}
    run = run_operation(operations.load, responses, lab="minet", names=("processus",))
    assert (len(run.commands), run.changed) == (1, False)


def test_an_image_is_built_here_and_imported_with_its_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _present(tmp_path, monkeypatch, 10**12)
    _, folder, _, check, imported, clean = run.commands
    assert folder == "install --directory --mode=0700 /var/lib/minet-lab/minet/tp-images"
    assert check.startswith(f"echo '{'0' * 64}  /var/lib/minet-lab/minet/tp-images/built.tar.gz' | sha256sum")
    assert shlex.split(imported)[-1] == tp_images.references("minet", ["processus"])["processus"]
    assert clean.startswith("rm -rf /var/lib/minet-lab/minet/tp-images ")


def test_a_full_disk_is_said_before_anything_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = _present(tmp_path, monkeypatch, 1000)
    assert run.failed
    assert not run.sent("docker import")


def test_images_out_of_use_are_removed() -> None:
    responses = {STATE: [image_line("minet/processus:old")]}
    run = run_operation(operations.prune, responses, lab="minet", names=("processus",))
    assert run.commands[1:] == ["docker image rm minet/processus:old"]


def _present(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int) -> Run:
    tar = tmp_path / "built.tar.gz"
    tar.write_bytes(b"0" * 4096)
    tar.with_name("built.tar.gz.sha256").write_text(f"{'0' * 64}  built.tar.gz\n")
    monkeypatch.setattr(operations, "build_rootfs", lambda recipe, progress: tar)  # the real one takes 15 s
    return run_operation(
        operations.load, {STATE: [BRIDGE], ROOM: str(free)}, lab="minet", names=("processus",)
    )
