"""What is on the disks of sandbox hosts."""

import pytest

from minetlab.lab.packages import CONTAINER_HOST_PACKAGES, KVM_HOST_PACKAGES
from minetlab.sandbox.images import sandbox_recipe


@pytest.mark.parametrize(("debian", "suite"), [(12, "bookworm"), (13, "trixie")])
def test_a_warm_image_has_the_packages_of_all_roles_and_a_bare_one_none(debian: int, suite: str) -> None:
    bare, warm = sandbox_recipe(debian, "bare", 64), sandbox_recipe(debian, "warm", 64)
    roles = {*KVM_HOST_PACKAGES[debian], *CONTAINER_HOST_PACKAGES[debian]}
    assert set(warm.packages) - set(bare.packages) == roles - set(bare.packages)
    assert not roles & {"openssh-server", "linux-image-amd64"}
    assert {"openssh-server", "linux-image-amd64", "qemu-guest-agent"} <= set(bare.packages)
    assert "docker.io" not in bare.packages
    for recipe, kind in ((bare, "bare"), (warm, "warm")):
        assert recipe.name == f"debian-{debian}-{kind}"
        assert recipe.suite == suite
        assert list(recipe.packages) == sorted(set(recipe.packages))


def test_a_warm_image_leaves_the_daemons_to_the_deploy() -> None:
    bare, warm = (sandbox_recipe(13, kind, 64).hooks for kind in ("bare", "warm"))  # type: ignore[arg-type]
    assert warm[: len(bare)] == bare
    assert any(hook.startswith("systemctl disable docker.service") for hook in warm)
    assert not any("docker" in hook for hook in bare)


def test_each_size_of_the_disk_is_an_image_of_its_own() -> None:
    small, large = sandbox_recipe(13, "bare", 8), sandbox_recipe(13, "bare", 64)
    assert (small.disk_gib, large.disk_gib) == (8, 64)
    assert small.file_stem != large.file_stem


def test_a_host_learns_who_it_is_and_shows_its_kernels_log() -> None:
    recipe = sandbox_recipe(13, "bare", 64)
    assert [file.path for file in recipe.files if file.path.endswith("minetlab-identity.service")]
    assert recipe.kernel_arguments.startswith("console=ttyS0 no_timer_check ")
    assert "mitigations" not in recipe.kernel_arguments, "which a host under KVM has, too"
    assert recipe.emulated_arguments == "mitigations=off"
