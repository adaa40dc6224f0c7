"""How far the tests are: how long each took, and why one failed, at once and not only in the end."""

import pytest

MOST = 4000
"""Characters of what its commands said last."""


class Progress:
    """A plugin of pytest: a run that is cut short by a time limit has said all that it knew."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._seconds: dict[str, float] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Sum up what the test and its fixtures took."""
        self._seconds[report.nodeid] = self._seconds.get(report.nodeid, 0.0) + report.duration

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(
        self, report: pytest.TestReport
    ) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
        """Say the time with the outcome."""
        if report.when != "call" or report.skipped:
            return None
        word = f"{report.outcome.upper()} in {self._seconds.get(report.nodeid, report.duration):.0f} s"
        return report.outcome, report.outcome[0], (word, {"green" if report.passed else "red": True})

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Say why it failed."""
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        for report in reporter.stats.get("failed", []) + reporter.stats.get("error", []):
            if report.nodeid == nodeid:
                reporter.write_sep("_", f"{report.when}: {nodeid}", red=True)
                for title, said in report.sections:
                    reporter.write_line(f"{title}:\n{said[-MOST:]}")
                reporter.write_line(report.longreprtext)
