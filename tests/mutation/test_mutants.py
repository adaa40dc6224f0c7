"""The fast tests notice small changes of the code: of a sample of mutants, nearly all are killed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation import mutants

SIZE = int(os.environ.get("MINETLAB_MUTANTS", "60"))
SEED = int(os.environ.get("MINETLAB_MUTANTS_SEED", "1"))
KILLED = 0.95
LIMIT_EACH, LIMIT = 900, 7200
"""Seconds for the tests of one mutant, and for all of them."""


def test_the_fast_tests_notice_mutants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    trees = [mutants.copy_tree(tmp_path / str(number), LIMIT_EACH) for number in range(2)]
    monkeypatch.chdir(trees[0])
    # On what is unchanged, they pass.
    subprocess.run([sys.executable, "tests/mutation/run_units.py"], check=True)
    chosen = mutants.sample(mutants.all_mutants(trees[0]), SIZE, SEED)
    results = mutants.run_tests(trees, chosen, LIMIT)
    survivors = mutants.survivors(results)
    killed = len(results) - len(survivors)
    print(f"{killed} of {len(results)} mutants were killed (seed {SEED})", *survivors, sep="\n\n")
    assert len(results) == len(chosen)
    assert killed >= KILLED * len(results), f"{len(survivors)} of {len(results)} mutants survived"
