"""TP images: reading their folders, their content hash, and the import on a host."""

import json
import shlex
from pathlib import Path

import pytest

from minetlab import tp_images
from minetlab.errors import LabError
from minetlab.operations import tp_images as operations
from tests.unit.fake_host import Run, run_operation

STATE = "docker container ls"
ROOM = "df --output=avail"
BRIDGE = '{"kind":"network","name":"bridge","lab":""}'  # every dockerd has it


def write(folder: Path, toml: str, **files: str) -> Path:
    (folder / "home").mkdir(parents=True)
    (folder / "image.toml").write_text(toml)
    for name, content in files.items():
        (folder / "home" / name).write_text(content)
    return folder


def image_line(reference: str) -> str:
    repository, tag = reference.split(":")
    return json.dumps({"kind": "image", "identifier": "sha256:1", "repository": repository, "tag": tag})


def test_every_tp_image_of_the_project_reads() -> None:
    names = [path.parent.name for path in tp_images.FOLDER.glob("*/image.toml")]
    assert "processus" in names
    for image in tp_images.read(names):
        assert tp_images.spec("minet", image).reference.startswith(f"minet/{image.name}:")
        assert (tp_images.FOLDER / image.name / "fiche.md").exists()


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
    ]
    (others[-1] / "home" / "a").chmod(0o755)

    def digest(folder: Path) -> str:
        (image,) = tp_images.read([folder.name], folder.parent)
        return tp_images.spec("minet", image).digest

    assert digest(first) == digest(same)
    assert len({digest(first), *map(digest, others)}) == 1 + len(others)


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ("packages = []", "packages"),
        ('packages = ["a; b"]', "packages.0"),
        ('packages = ["zsh"]\ncolour = 1', "colour"),
        ('debian = 11\npackages = ["zsh"]', "debian"),
        ("oops", "image.toml"),
    ],
)
def test_a_wrong_definition_names_file_and_field(tmp_path: Path, toml: str, named: str) -> None:
    folder = write(tmp_path / "nix", toml)
    with pytest.raises(LabError) as caught:
        tp_images.read(["nix"], tmp_path)
    assert named in str(caught.value)
    assert str(folder / "image.toml") in str(caught.value)


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
    command = next(change for change in changes if change.startswith("--change=CMD "))
    assert json.loads(command.removeprefix("--change=CMD ")) == ["sleep", "infinity"]


def test_an_image_that_is_there_is_one_command() -> None:
    reference = tp_images.references("minet", ["processus"])["processus"]
    responses = {STATE: [image_line(reference)]}
    run = run_operation(operations.present, responses, lab="minet", names=("processus",))
    assert (len(run.commands), run.changed) == (1, False)


def test_an_image_is_built_here_and_imported_with_its_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _present(tmp_path, monkeypatch, 10**12)
    _, folder, _, check, imported, clean = run.commands
    assert folder == "install --directory --mode=0700 /var/lib/minet-lab/minet/tp-images"
    assert check.startswith(f"echo '{'0' * 64}  /var/lib/minet-lab/minet/tp-images/built.tar' | sha256sum")
    assert shlex.split(imported)[-1] == tp_images.references("minet", ["processus"])["processus"]
    assert clean.startswith("rm -rf /var/lib/minet-lab/minet/tp-images ")


def test_a_full_disk_is_said_before_anything_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = _present(tmp_path, monkeypatch, 1000)
    assert run.failed
    assert not run.sent("docker import")


def test_images_out_of_use_are_removed() -> None:
    responses = {STATE: [image_line("minet/processus:old")]}
    run = run_operation(operations.only_used, responses, lab="minet", names=("processus",))
    assert run.commands[1:] == ["docker image rm minet/processus:old"]


def _present(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int) -> Run:
    tar = tmp_path / "built.tar"
    tar.write_bytes(b"0" * 4096)
    tar.with_name("built.tar.sha256").write_text(f"{'0' * 64}  built.tar\n")
    monkeypatch.setattr(operations, "build_rootfs", lambda recipe, progress: tar)  # the real one takes 15 s
    return run_operation(
        operations.present, {STATE: [BRIDGE], ROOM: str(free)}, lab="minet", names=("processus",)
    )
