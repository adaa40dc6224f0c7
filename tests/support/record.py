"""Record what sheets print on real machines, and what the TP site answers there, from a lab's report.

What the lab does not have stays as it was recorded before.

Usage: python -m tests.support.record report/report.json
"""

import json
import sys
from pathlib import Path
from typing import Any

from minetlab.checks.sheets import commands_of
from tests.support.recorded import RECORDED_SHEETS, RECORDED_SITE, RECORDED_TLS, TP_IMAGES, TPS


def main(report: Path) -> None:
    """Write both recordings anew."""
    findings = json.loads(report.read_text(encoding="utf-8"))["findings"]
    transcripts = [item["observations"] for finding in findings for item in finding["evidence"]]
    sheets = json.loads(RECORDED_SHEETS.read_text(encoding="utf-8"))
    for tp in (*TP_IMAGES, *TPS):
        if printed := _printed(tp, transcripts):
            sheets[tp] = printed
        print(f"{tp}: {'recorded' if printed else 'not typed on any machine of the report as it is now'}")
    text = json.dumps(sheets, indent=1, ensure_ascii=False)
    RECORDED_SHEETS.write_text(f"{text}\n", encoding="utf-8")
    reads = [read for transcript in transcripts for read in transcript]
    for file, word in ((RECORDED_SITE, 'name="revision"'), (RECORDED_TLS, "(Verif|")):
        (answers, *_) = (read["output"] for read in reads if word in read["command"])
        file.write_text(answers, encoding="utf-8")


def _printed(tp: str, transcripts: list[list[dict[str, Any]]]) -> list[list[Any]]:
    """Each command of a sheet with the lines that it printed, of the first machine where all were typed."""
    commands = [step.command for step in commands_of(tp) if not step.in_prose]
    for transcript in transcripts:
        typed = transcript[-len(commands) :]  # before it, the machine was asked whether it answers
        if [read["command"] for read in typed] == commands:
            return [[read["command"], read["output"].splitlines()] for read in typed]
    return []


if __name__ == "__main__":
    main(Path(sys.argv[1]))
