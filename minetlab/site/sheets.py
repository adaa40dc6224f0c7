"""The sheets of the practical work, as a site lists them: titles, goals, and where each is done."""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from minetlab.lab import Lab
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


def read(lab: Lab, folder: Path = FOLDER) -> tuple[Sheet, ...]:
    """Every sheet there is, in the order in which a class does them.

    :raises LabError: a sheet cannot be read, has no title and goal, or no place in the order.
    """
    sheets = [_read(lab, file) for file in sorted(folder.glob("*/fiche.md"))]
    order = _order(folder / "order.toml")
    for sheet in sheets:
        if sheet.tp not in order:
            raise LabError(
                f"{folder / 'order.toml'}: the TP {sheet.tp} is not in the order",
                next_step=f"add {sheet.tp!r} to it, where a class does it",
            )
    return tuple(sorted(sheets, key=lambda sheet: order.index(sheet.tp)))


def _order(file: Path) -> list[str]:
    try:
        return [str(name) for name in tomllib.loads(_text(file))["order"]]
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise LabError(
            f"{file} cannot be understood: {error}", next_step='write in it: order = ["FIRST", "SECOND"]'
        ) from error


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
