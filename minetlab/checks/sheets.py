"""The sheets of the practical work, typed on the machines where students type them."""

from collections.abc import Iterable

from minetlab.checks.machines import ContainerMachine, GuestMachine
from minetlab.tp.sheet import Step, claims, outputs, script, steps
from minetlab.tp.tp_images import TP_FOLDER


def commands_of(tp: str) -> tuple[Step, ...]:
    """Return the commands that a student types by the sheet of a TP, in order."""
    return steps((TP_FOLDER / tp / "fiche.md").read_text(encoding="utf-8"))


def claims_of(tp: str) -> tuple[str, ...]:
    """Return the ids of the course's claims that the sheet of a TP shows."""
    return claims(commands_of(tp))


def sheet_mismatches(
    machine: GuestMachine | ContainerMachine, tp: str, claim: str | None = None
) -> Iterable[str]:
    """Type a sheet on a student's machine, and compare what it prints with what the sheet says.

    The sheet is typed only once on each machine, however many checks ask for what it prints.

    :param machine: where the sheet is typed.
    :param tp: name of the TP's folder in ``tp/``.
    :param claim: id of a claim: only the commands that show it are compared. None: all commands.
    :yields: a message for each command that prints something else.
    """
    commands = commands_of(tp)
    outputs_by_step = outputs(machine.terminal.types(script(commands)), commands)
    for step in commands:
        if claim is not None and claim not in step.claims:
            continue
        printed = outputs_by_step.get(step)
        if not step.in_prose:
            machine.host.backend.note(step.command, printed or "")
        if printed is None or not step.shows(printed):
            observed = "nothing: the shell did not get that far" if printed is None else printed
            command = f"{tp}/fiche.md, line {step.line}: $ {step.command}\n"
            yield command + machine.differs("what it prints", "\n".join(step.output), observed)
