"""The sheets of the practical work, as a site lists them: titles, goals, and where each is done."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from minetlab.lab import Lab
from minetlab.tp.sheet import claims, steps
from minetlab.tp.tp_images import FOLDER, IN_CONTAINERS
from minetlab.util.errors import LabError

TpPlace = Literal["container", "guest"]
_HEAD = re.compile(r"# TP — (.+)\n\n\*\*But :\*\* ((?:.+\n)+)")


@dataclass(frozen=True)
class Sheet:
    """A sheet.

    :param tp: its folder in ``tp/``.
    :param title: without the ``TP —`` that each begins with.
    :param goal: what its line ``**But :**`` says.
    :param text: the whole of it, Markdown.
    :param place: what it is done in.
    :param here: whether this lab has what it is done in.
    """

    tp: str
    title: str
    goal: str
    text: str
    place: TpPlace
    here: bool

    @property
    def page(self) -> str:
        """Its path on the site."""
        return f"tp/{self.tp}.html"

    @property
    def order(self) -> tuple[str, str]:
        """The course's: that of the claims which it shows."""
        return min(claims(steps(self.text)), default="C99"), self.tp


def read(lab: Lab, folder: Path = FOLDER) -> tuple[Sheet, ...]:
    """Every sheet there is, in the course's order.

    :raises LabError: a sheet cannot be read, or does not begin with a title and a goal.
    """
    files = sorted(folder.glob("*/fiche.md"))
    return tuple(sorted((_read(lab, file) for file in files), key=lambda sheet: sheet.order))


def _read(lab: Lab, file: Path) -> Sheet:
    tp = file.parent.name
    text = _text(file)
    head = _HEAD.match(text)
    if not head:
        raise LabError(
            f"{file}: a sheet begins with its title and its goal",
            next_step="begin it with '# TP — …', an empty line, and '**But :** …'",
        )
    in_container = (file.parent / IN_CONTAINERS.definition).exists()
    offered: Iterable[tuple[str, ...]] = (
        (host.settings.tp_images for host in lab.container_hosts)
        if in_container
        else (host.settings.guest_tps for host in lab.kvm_hosts)
    )
    return Sheet(
        tp=tp,
        title=head[1],
        goal=" ".join(head[2].split()),
        text=text,
        place="container" if in_container else "guest",
        here=any(tp in names for names in offered),
    )


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LabError(f"cannot read {file}: {error}", next_step=f"correct {file}") from error
