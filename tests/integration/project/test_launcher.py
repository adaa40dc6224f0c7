"""The launcher ``lab``: what it installs, whom it asks, and where there is nobody to ask."""

import os
import pty
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from minetlab.util.paths import PROJECT_ROOT

LIMIT = 30
QUESTION = "Run it now? [y/N]"
# In a user namespace of one's own, which takes no privilege, one is whoever one wants to be.
AS = {"root": ["unshare", "--map-root-user"], "user": ["unshare", "--user"]}
SUDO_THAT_ASKS = '#!/bin/sh\n[ "$1" = -n ] && { echo "a password is required" >&2; exit 1; }\nexec "$@"\n'
SUDO_THAT_DOES_NOT = '#!/bin/sh\n[ "$1" = -n ] && shift\necho "sudo $*" >>"$ASKED"\nexec "$@"\n'


@dataclass(frozen=True)
class Checkout:
    """The launcher in a folder where the environment is made already, on a machine that lacks packages."""

    folder: Path

    def program(self, name: str, text: str) -> None:
        """Put a program first on the search path."""
        path = self.folder / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        path = f"{self.folder / 'bin'}:/usr/bin:/bin"
        return {"PATH": path, "ASKED": str(self.folder / "asked"), "HOME": str(self.folder)}

    @property
    def installed(self) -> list[str]:
        """What apt-get was told, a line each."""
        log = self.folder / "installed"
        return log.read_text().splitlines() if log.exists() else []

    def run(self, who: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run it where there is no terminal."""
        return subprocess.run(
            [*AS[who], str(self.folder / "lab"), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
            env={**self.environment, **environment},
        )

    def at_a_terminal(self, who: str, answer: str, *words: str) -> tuple[int, str]:
        """Run it at a terminal, where somebody answers the question once it is asked."""
        ours, theirs = pty.openpty()
        command = ["timeout", "--foreground", str(LIMIT), *AS[who], str(self.folder / "lab"), *words]
        with subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=self.environment, start_new_session=True
        ) as process:
            os.close(theirs)
            said = ""
            for part in _parts(ours):
                said += part
                if said.endswith(f"{QUESTION} "):
                    os.write(ours, answer.encode())
            os.close(ours)
            return process.wait(LIMIT), said


def _parts(terminal: int) -> Iterator[str]:
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # nobody has the other end any more
            return
        yield part.decode(errors="replace")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    for name in ("bin", ".venv/bin"):
        (tmp_path / name).mkdir(parents=True)
    lock = b""
    for name in ("lab", "requirements.lock", "pyproject.toml"):
        shutil.copy(PROJECT_ROOT / name, tmp_path)
        lock += b"" if name == "lab" else (PROJECT_ROOT / name).read_bytes()
    (tmp_path / ".venv" / ".lock").write_text(f"{sha256(lock).hexdigest()}  -")
    made = Checkout(tmp_path)
    made.program("../.venv/bin/lab", '#!/bin/sh\necho "lab $*"\n')
    made.program("dpkg-query", "#!/bin/sh\necho 'installed python3'\nexit 1\n")
    made.program("apt-get", f'#!/bin/sh\necho "$*" | tee --append {tmp_path}/installed\n')
    made.program("sudo", SUDO_THAT_ASKS)
    return made


def test_root_where_nobody_can_be_asked_installs_what_it_says_and_goes_on(checkout: Checkout) -> None:
    done = checkout.run("root", "up", "-i", "x.py")
    assert (done.returncode, done.stdout) == (0, "lab up -i x.py\n")
    update, install = checkout.installed
    assert update.endswith("update")
    assert install in done.stderr
    assert " mmdebstrap " in install
    assert " python3 " not in install


def test_a_user_whose_sudo_asks_nothing_does_so_too(checkout: Checkout) -> None:
    checkout.program("sudo", SUDO_THAT_DOES_NOT)
    done = checkout.run("user", "up")
    assert (done.returncode, done.stdout) == (0, "lab up\n")
    assert len(checkout.installed) == 2
    assert (
        len([line for line in Path(checkout.environment["ASKED"]).read_text().splitlines() if "apt" in line])
        == 2
    )


@pytest.mark.parametrize("words", [("up",), ("-y", "up")])
def test_where_sudo_would_ask_and_nobody_can_answer_the_command_is_said(
    checkout: Checkout, words: tuple[str, ...]
) -> None:
    done = checkout.run("user", *words)
    assert (done.returncode, done.stdout, checkout.installed) == (1, "", [])
    assert "sudo env DEBIAN_FRONTEND=noninteractive apt-get" in done.stderr
    assert done.stderr.endswith("there is no terminal to type it: run the command above, then this again\n")


def test_a_user_without_sudo_is_told(checkout: Checkout) -> None:
    (checkout.folder / "bin" / "sudo").unlink()
    without = f"{checkout.folder / 'bin'}:{checkout.folder / 'few'}"
    (checkout.folder / "few").mkdir()
    for name in ("bash", "env", "dirname", "cat", "sha256sum"):
        (checkout.folder / "few" / name).symlink_to(str(shutil.which(name)))
    done = subprocess.run(
        [str(shutil.which("unshare")), "--user", str(checkout.folder / "lab"), "up"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        env={**checkout.environment, "PATH": without},
    )
    assert (done.returncode, checkout.installed) == (1, [])
    assert "there is no sudo" in done.stderr


@pytest.mark.parametrize("who", ["root", "user"])
def test_a_terminal_is_asked(checkout: Checkout, who: str) -> None:
    status, said = checkout.at_a_terminal(who, "n\n", "up")
    assert (status, checkout.installed) == (1, [])
    assert QUESTION in said
    status, said = checkout.at_a_terminal(who, "y\n", "up")
    assert (status, len(checkout.installed)) == (0, 2)
    assert "lab up" in said


def test_a_terminal_that_has_said_yes_is_not_asked(checkout: Checkout) -> None:
    status, said = checkout.at_a_terminal("root", "n\n", "-y", "up")
    assert (status, len(checkout.installed)) == (0, 2)
    assert QUESTION not in said


def test_nothing_is_said_where_nothing_is_missing(checkout: Checkout) -> None:
    checkout.program("dpkg-query", '#!/bin/sh\nshift 2\nprintf "installed %s\\n" "$@"\n')
    done = checkout.run("user", "status")
    assert (done.returncode, done.stdout, done.stderr, checkout.installed) == (0, "lab status\n", "", [])


def test_what_cannot_be_installed_ends_it(checkout: Checkout) -> None:
    checkout.program("apt-get", "#!/bin/sh\necho 'E: no network' >&2\nexit 100\n")
    done = checkout.run("root", "up")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("E: no network\nlab: that failed: see above\n")


@pytest.mark.parametrize(
    ("words", "browser"),
    [
        (("test",), True),
        (("test", "--long"), True),
        (("test", "-o", "results"), True),
        (("test", "--fast"), False),
        (("test", "--help"), False),
        (("up",), False),
    ],
)
def test_only_all_of_the_tests_want_a_browser(
    checkout: Checkout, words: tuple[str, ...], browser: bool
) -> None:
    assert checkout.run("root", *words).returncode == 0
    assert (" chromium" in checkout.installed[-1]) is browser


@pytest.mark.parametrize("words", [("test",), ("test", "--fast")])
def test_the_tests_want_xz(checkout: Checkout, words: tuple[str, ...]) -> None:
    assert checkout.run("root", *words).returncode == 0
    assert " xz-utils" in checkout.installed[-1]


def test_completion_asks_nobody_and_sets_nothing_up(checkout: Checkout) -> None:
    done = checkout.run("root", _LAB_COMPLETE="complete_bash")
    assert (done.returncode, done.stdout, checkout.installed) == (0, "lab \n", [])
    (checkout.folder / ".venv" / "bin" / "lab").unlink()
    done = checkout.run("root", _LAB_COMPLETE="complete_bash")
    assert (done.returncode, done.stdout, done.stderr, checkout.installed) == (0, "", "", [])


@pytest.mark.parametrize("words", [("bench",), ("test", "--long"), ("test",)])
def test_help_installs_nothing_that_only_the_work_itself_needs(
    checkout: Checkout, words: tuple[str, ...]
) -> None:
    checkout.run("root", *words)
    _, for_work = checkout.installed
    (checkout.folder / "installed").unlink()
    checkout.run("root", *words, "--help")
    _, for_help = checkout.installed
    assert " iproute2" in for_work
    assert " iproute2" not in for_help
