"""The sheets of the TPs as the site lists them: titles, goals, and where each TP is done."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from minetlab.lab import Lab
from minetlab.tp.tp_images import IN_CONTAINERS, TP_FOLDER
from minetlab.util.errors import LabError
from minetlab.util.files import refuse_links_out_of

ANSWERS = "reponses.md"
_HEAD = re.compile(r"# TP — (.+)\n\n\*\*But :\*\* ((?:.+\n)+)")


@dataclass(frozen=True)
class Sheet:
    """The sheet of a TP.

    :param tp: the TP's folder in ``tp/``.
    :param title: its title, without the ``TP —`` at the start.
    :param goal: the text after ``**But :**``.
    :param text: the whole sheet, in Markdown.
    :param answers: the answers to its questions, for the instructor, in Markdown; empty: there are none.
    :param place: the kind of machine in which the TP is done.
    :param offered: whether this lab has machines with this TP.
    """

    tp: str
    title: str
    goal: str
    text: str
    answers: str
    place: Literal["container", "guest"]
    offered: bool

    @property
    def page(self) -> str:
        """The path of its page on the site."""
        return f"tp/{self.tp}.html"

    @property
    def answers_page(self) -> str:
        """The path of the page with its answers, without a suffix; the server guards what so begins."""
        return f"formateur-{self.tp}"


def read(lab: Lab, folder: Path = TP_FOLDER) -> tuple[Sheet, ...]:
    """Read all sheets.

    :param lab: the lab whose site shows them.
    :param folder: the folder that has a folder for each TP, and ``order.toml``.
    :return: the sheets, in the order in which a class does them.
    :raises LabError: a sheet cannot be read, or has no title, goal or place in the order.
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
    refuse_links_out_of(file.parent)
    text = _text(file)
    head = _HEAD.match(text)
    if not head:
        raise LabError(
            f"{file}: a sheet begins with its title and its goal",
            next_step="begin it with '# TP — …', an empty line, and '**But :** …'",
        )
    in_container = (file.parent / IN_CONTAINERS.definition).exists()
    if in_container:
        offered = any(tp in host.settings.tp_images for host in lab.container_hosts)
    else:
        offered = any(tp in host.settings.guest_tps for host in lab.kvm_hosts)
    return Sheet(
        tp=tp,
        title=head[1],
        goal=" ".join(head[2].split()),
        text=text,
        answers=_text(answers) if (answers := file.with_name(ANSWERS)).exists() else "",
        place="container" if in_container else "guest",
        offered=offered,
    )


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LabError(f"cannot read {file}: {error}", next_step=f"correct {file}") from error
