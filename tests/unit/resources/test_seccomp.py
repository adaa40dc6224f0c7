import subprocess
import sys

from benchmarks import attacks
from minetlab.checks.machines import UNCOUNTED

CONFINED = (sys.executable, "-m", "tests.support.confined")
WORKS = """
import fcntl, multiprocessing, socket, subprocess, sys, tempfile, threading
with socket.create_server(("127.0.0.1", 0)) as server:
    client = socket.create_connection(server.getsockname())
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    assert socket.getaddrinfo("localhost", 22)
for family, kind in ((socket.AF_INET6, socket.SOCK_DGRAM), (socket.AF_UNIX, socket.SOCK_SEQPACKET)):
    socket.socket(family, kind).close()
socket.socketpair()
with tempfile.TemporaryFile() as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    fcntl.fcntl(file, fcntl.F_SETFL, fcntl.fcntl(file, fcntl.F_GETFL))
thread = threading.Thread(target=print, args=("thread",))
thread.start()
thread.join()
process = multiprocessing.Process(target=print, args=("process",))
process.start()
process.join()
subprocess.run(["bash", "-c", "ps -e | grep -q python && cat <(echo pipe)"], check=True)
"""
ERRORS = """
import fcntl, socket, tempfile
for make in (
    lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0),
    lambda: fcntl.lockf(tempfile.TemporaryFile(), fcntl.LOCK_EX),
):
    try:
        make()
    except OSError as error:
        print(error.strerror)
"""


def confined(*command: str) -> str:
    done = subprocess.run([*CONFINED, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_no_call_of_an_attack_works() -> None:
    assert confined("perl", "-e", attacks.CALLS) == ""


def test_the_check_in_containers_sees_what_the_profile_refuses() -> None:
    assert subprocess.check_output(["sh", "-c", UNCOUNTED], text=True) == "ran netlink lock aio"
    assert confined("sh", "-c", UNCOUNTED) == "ran"


def test_what_programs_need_works() -> None:
    assert confined(sys.executable, "-c", WORKS).split() == ["thread", "process", "pipe"]


def test_programs_are_told_what_there_is_not() -> None:
    assert confined(sys.executable, "-c", ERRORS).splitlines() == [
        "Address family not supported by protocol",
        "No locks available",
    ]
