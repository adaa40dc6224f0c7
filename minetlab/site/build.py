"""Build the TP site with Sphinx as a tar file, once for each content."""

import gzip
import sys
import tarfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from minetlab.images import Progress
from minetlab.images.cache import make_once
from minetlab.lab import Lab
from minetlab.plan import Plan
from minetlab.site import content, sheets
from minetlab.site.sheets import Sheet
from minetlab.util.paths import TEMPLATES, cache_dir
from minetlab.util.process import run_logged

SITE_FORMAT = 1
"""Raise it when the same content is built into another site."""
_THEME = TEMPLATES / "site" / "theme"
# Code that decides what a site looks like: the configuration of Sphinx, and the lexer that colours commands.
_CODE = tuple(Path(__file__).with_name(name) for name in ("conf.py", "lexer.py"))


@dataclass(frozen=True)
class Site:
    """The content of a lab's TP site.

    :param project: the title of the site.
    :param sheets: all sheets, in the order in which a class does them.
    :param pages: path of a page to its Markdown text.
    """

    project: str
    sheets: tuple[Sheet, ...]
    pages: dict[str, str]

    @property
    def revision(self) -> str:
        """The first 12 hexadecimal digits of a hash of everything that the site shows; every page has it."""
        # The version of Sphinx is left out, so that administrators with different versions get the same one.
        digest = sha256(f"{SITE_FORMAT}\n{self.project}\n".encode())
        theme = {path.name: path.read_text() for path in (*_CODE, *_THEME.rglob("*.*"))}
        for name, text in sorted({**theme, **self.pages}.items()):
            digest.update(f"{name}\0{text}\0".encode())
        return digest.hexdigest()[:12]


def site_of(lab: Lab, plan: Plan) -> Site:
    """Return the content of a lab's site, which is not built yet.

    :param lab: the lab.
    :param plan: the lab's plan.
    :return: the site.
    :raises LabError: a sheet cannot be read, or has no title, goal or place in the order.
    """
    all_sheets = sheets.read(lab)
    return Site(f"TP {lab.name}", all_sheets, content.pages(lab, plan, all_sheets))


def build(site: Site, progress: Progress) -> Path:
    """Return the site as a tar file; it is built first unless the cache has it intact.

    :param site: the content of the site.
    :param progress: told each step of a build.
    :return: the file in the cache.
    :raises LabError: Sphinx rejects a page; has the end of its output.
    """
    folder = cache_dir() / "site"
    folder.mkdir(exist_ok=True)

    def make(tar: Path, scratch: Path) -> None:
        log = folder / f"{site.revision}.log"
        log.unlink(missing_ok=True)
        write(site, scratch / "pages", scratch / "site", log, progress)
        _pack(scratch / "site", tar)

    return make_once(folder / f"{site.revision}.tar.gz", make, "TP site", progress)


def write(site: Site, sources: Path, output: Path, log: Path, progress: Progress) -> None:
    """Write the pages as Markdown, and have Sphinx build the site from them.

    :param site: the content of the site.
    :param sources: the folder for the pages that Sphinx reads; it is made.
    :param output: the folder for the files that a web server serves; Sphinx makes it.
    :param log: the file for Sphinx's output.
    :param progress: told every ten seconds that Sphinx runs.
    :raises LabError: Sphinx rejects a page; has the end of its output.
    """
    for path, text in site.pages.items():
        page = sources / path
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-c", str(Path(__file__).parent)]
    command += ["-d", str(sources / ".doctrees"), "-W", "--keep-going", "-q"]
    command += ["-D", f"project={site.project}", "-A", f"revision={site.revision}"]
    run_logged([*command, str(sources), str(output)], log, "TP site: Sphinx", progress, limit=300)


def _pack(folder: Path, tar: Path) -> None:
    """Pack the files that browsers need; equal files make equal archives."""
    static = (folder / "_static" / name for name in ("etat.js", "site.css"))
    paths = (*folder.rglob("*.html"), *static)
    with (
        gzip.GzipFile(tar, "wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as archive,
    ):
        for path in sorted(paths):
            info = tarfile.TarInfo(str(path.relative_to(folder)))
            info.size, info.mode = path.stat().st_size, 0o644
            with path.open("rb") as file:
                archive.addfile(info, file)
