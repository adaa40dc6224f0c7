"""The files by which an admin's own CI runs the tests: valid by the schemas of who reads them."""

import subprocess
import sys
from pathlib import Path

import pytest

from minetlab.util.paths import PROJECT_ROOT

GITLAB = ("vendor.gitlab-ci", PROJECT_ROOT / ".gitlab-ci.yml")
GITHUB = ("vendor.github-workflows", PROJECT_ROOT / ".github" / "workflows" / "test.yml")


def complaints(schema: str, file: Path) -> str:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode else ""


@pytest.mark.parametrize(("schema", "file"), [GITLAB, GITHUB])
def test_it_is_valid(schema: str, file: Path) -> None:
    assert complaints(schema, file) == ""


@pytest.mark.parametrize(("schema", "wrong"), [(GITLAB[0], "job: {script: 7}\n"), (GITHUB[0], "on: push\n")])
def test_one_that_is_not_is_told(schema: str, wrong: str, tmp_path: Path) -> None:
    (tmp_path / "ci.yml").write_text(wrong)
    assert "ci.yml" in complaints(schema, tmp_path / "ci.yml")
