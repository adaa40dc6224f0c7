"""What a container host says of the folder with the site's revisions: who may enter it, and what is in it."""

import subprocess
from pathlib import Path

import pytest

from minetlab.facts.site import SiteFolders
from minetlab.resources.site import SiteObserved, sites_folder


def observed(folder: Path) -> SiteObserved:
    """What the fact finds if this folder is that of the site."""
    command = SiteFolders().command("minet").replace(sites_folder("minet"), str(folder))
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    return SiteFolders().process(done.stdout.splitlines())


def test_a_host_without_a_site_has_no_folder(tmp_path: Path) -> None:
    assert observed(tmp_path / "site") == SiteFolders().default() == SiteObserved()


@pytest.mark.parametrize(("mode", "private"), [(0o700, True), (0o755, False), (0o710, False)])
def test_whether_others_may_enter_it_is_seen(tmp_path: Path, mode: int, private: bool) -> None:
    tmp_path.chmod(mode)
    assert observed(tmp_path) == SiteObserved((), private)
    for name in ("abc", "status"):
        (tmp_path / name).mkdir()
    assert observed(tmp_path) == SiteObserved(("abc", "status"), private)
