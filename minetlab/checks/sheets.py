"""The sheets of the practical work, carried out where a student would."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from minetlab.checks.machines import ContainerMachine, GuestMachine
from minetlab.tp.sheet import Step, claims, outputs, script, steps
from minetlab.tp.tp_images import FOLDER


@dataclass(frozen=True)
class TypedSheet:
    """The sheet of a TP.

    :param tp: the name of its folder in ``tp/``.
    """

    tp: str

    @property
    def file(self) -> Path:
        """Its Markdown."""
        return FOLDER / self.tp / "fiche.md"

    @cached_property
    def commands(self) -> tuple[Step, ...]:
        """What it has the student type."""
        return steps(self.file.read_text(encoding="utf-8"))

    @property
    def script(self) -> str:
        """All its commands, for one shell."""
        return script(self.commands)

    @property
    def claims(self) -> tuple[str, ...]:
        """The claims of the course that it shows."""
        return claims(self.commands)


def not_as_the_sheet_says(
    machine: GuestMachine | ContainerMachine, sheet: TypedSheet, claim: str | None = None
) -> Iterable[str]:
    """What a student's machine prints that is not what a sheet says, a message a command.

    The commands are typed once; who asks again gets what they printed then.

    :param claim: only what shows this claim of the course.
    """
    printed = outputs(machine.terminal.types(sheet.script), sheet.commands)
    for step in sheet.commands:
        if claim is not None and claim not in step.claims:
            continue
        seen = printed.get(step, "")
        machine.host.backend.note(step.command, seen)
        if step not in printed or not step.shows(seen):
            what = f"{sheet.tp}/{sheet.file.name}, line {step.line}: $ {step.command}\n"
            said = seen if step in printed else "nothing: the shell did not get that far"
            yield what + machine.differs("what it prints", "\n".join(step.output), said)
