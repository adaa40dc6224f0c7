"""The sheets of the practical work, typed on the machines where students type them."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from minetlab.checks.machines import ContainerMachine, GuestMachine
from minetlab.tp.sheet import Step, claims, outputs, script, steps
from minetlab.tp.tp_images import TP_FOLDER


@dataclass(frozen=True)
class TypedSheet:
    """The sheet of a TP, whose commands a check types.

    :param tp: name of the TP's folder in ``tp/``.
    """

    tp: str

    @cached_property
    def commands(self) -> tuple[Step, ...]:
        """The commands that the student types, in order."""
        return steps((TP_FOLDER / self.tp / "fiche.md").read_text(encoding="utf-8"))

    @property
    def script(self) -> str:
        """A shell script that runs all commands."""
        return script(self.commands)

    @property
    def claims(self) -> tuple[str, ...]:
        """The ids of the course's claims that the sheet shows."""
        return claims(self.commands)


def sheet_mismatches(
    machine: GuestMachine | ContainerMachine, sheet: TypedSheet, claim: str | None = None
) -> Iterable[str]:
    """Type a sheet on a student's machine, and compare what it prints with what the sheet says.

    The sheet is typed only once on each machine, however many checks ask for what it prints.

    :param machine: where the sheet is typed.
    :param sheet: the sheet.
    :param claim: id of a claim: only the commands that show it are compared. None: all commands.
    :yields: a message for each command that prints something else.
    """
    outputs_by_step = outputs(machine.terminal.types(sheet.script), sheet.commands)
    for step in sheet.commands:
        if claim is not None and claim not in step.claims:
            continue
        printed = outputs_by_step.get(step)
        if not step.in_prose:
            machine.host.backend.note(step.command, printed or "")
        if printed is None or not step.shows(printed):
            observed = "nothing: the shell did not get that far" if printed is None else printed
            command = f"{sheet.tp}/fiche.md, line {step.line}: $ {step.command}\n"
            yield command + machine.differs("what it prints", "\n".join(step.output), observed)
