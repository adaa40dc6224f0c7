"""The site: built by Sphinx from the pages, once for each content, as a tar file."""

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

FORMAT = 1
"""Raise it when the same content becomes another site."""
_THEME = TEMPLATES / "site" / "theme"
# Its configuration, and what that has blocks coloured by.
_CODE = tuple(Path(__file__).with_name(name) for name in ("conf.py", "lexer.py"))


@dataclass(frozen=True)
class Site:
    """The TP site of a lab.

    :param project: its name.
    :param sheets: those that it shows: all there are.
    :param pages: path to Markdown.
    """

    project: str
    sheets: tuple[Sheet, ...]
    pages: dict[str, str]

    @property
    def revision(self) -> str:
        """Of all that is shown, in 12 hexadecimal digits; every page carries it.

        Sphinx's version has no part in it: two administrators need not have the same.
        """
        digest = sha256(f"{FORMAT}\n{self.project}\n".encode())
        theme = {path.name: path.read_text() for path in (*_CODE, *_THEME.rglob("*.*"))}
        for name, text in sorted({**theme, **self.pages}.items()):
            digest.update(f"{name}\0{text}\0".encode())
        return digest.hexdigest()[:12]


def site_of(lab: Lab, plan: Plan) -> Site:
    """The site of a lab: what it shows is known before it is built.

    :raises LabError: a sheet has no title or no goal.
    """
    read = sheets.read(lab)
    return Site(content.project(lab), read, content.pages(lab, plan, read))


def build(site: Site, progress: Progress) -> Path:
    """Return the site as a tar file, made first unless the cache has it intact.

    :raises LabError: Sphinx finds fault with a page; carries what it says.
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
    """Write the site's files.

    :param sources: folder for what Sphinx reads; made.
    :param output: folder for what a web server serves.
    :param log: where Sphinx's output goes.
    :raises LabError: Sphinx finds fault with a page.
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
    """Pack what a browser asks for: pages, stylesheet, script. The same files make the same bytes."""
    static = (folder / "_static" / name for name in ("etat.js", "site.css"))
    wanted = (*folder.rglob("*.html"), *static)
    with (
        gzip.GzipFile(tar, "wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as archive,
    ):
        for path in sorted(wanted):
            info = tarfile.TarInfo(str(path.relative_to(folder)))
            info.size, info.mode = path.stat().st_size, 0o644
            with path.open("rb") as file:
                archive.addfile(info, file)
