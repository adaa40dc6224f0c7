"""The sheets of the practical work, carried out where a student would."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from minetlab.course.sheet import Step, outputs, script, steps
from minetlab.tp_images import FOLDER, SHELL
from minetlab.verification.machines import ContainerMachine
from minetlab.verification.modules import TRANSCRIPT


@dataclass(frozen=True)
class Sheet:
    """A sheet, and its commands.

    :param file: its Markdown.
    """

    file: Path
    commands: tuple[Step, ...]

    @classmethod
    def of(cls, tp: str) -> "Sheet":
        """The sheet of this TP: the name of its folder in ``tp/``."""
        file = FOLDER / tp / "fiche.md"
        return cls(file, steps(file.read_text(encoding="utf-8")))

    @property
    def script(self) -> str:
        """All its commands, as one command line of the student's shell."""
        return script(self.commands)


def not_as_the_sheet_says(container: ContainerMachine, claim: str | None = None) -> Iterable[str]:
    """What a student's container prints that is not what its sheet says, a message a command.

    The commands are typed once; who asks again gets what they printed then.

    :param claim: only what shows this claim of the course.
    """
    sheet = Sheet.of(container.container.tp_image)
    printed = outputs(container.terminal.types(sheet.script, SHELL), sheet.commands)
    for step in sheet.commands:
        if claim is not None and claim not in step.claims:
            continue
        seen = printed.get(step, "")
        TRANSCRIPT.append((container.name, step.command, seen))
        if step not in printed or not step.shows(seen):
            what = f"{sheet.file.name}, line {step.line}: $ {step.command}\n"
            said = seen if step in printed else "nothing: the shell did not get that far"
            yield what + container.differs("what it prints", "\n".join(step.output), said)
