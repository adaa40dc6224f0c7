"""What one command costs over SSH with and without Nagle's algorithm, which paramiko leaves on.

    python benchmarks/round_trip.py hv1

The sandbox host must be running. Both connections run the same command in turn, A B A B …, and the ratio is
taken pair by pair, so that it holds when the machine's speed drifts.
"""

import argparse
import socket
import statistics
import time

import paramiko

from minetlab import sandbox
from minetlab.sandbox import Connection


def connect(reached: Connection, *, nagle: bool) -> paramiko.SSHClient:
    """Connect as pyinfra does, and switch Nagle's algorithm as told."""
    client = paramiko.SSHClient()
    client.load_host_keys(str(reached.known_hosts))
    client.connect(reached.hostname, reached.port, reached.user, key_filename=str(reached.key))
    transport = client.get_transport()
    assert transport is not None
    assert isinstance(transport.sock, socket.socket)
    transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(not nagle))
    return client


def seconds(client: paramiko.SSHClient) -> float:
    """How long it takes to run a command that does nothing and read its end."""
    start = time.perf_counter()
    _, stdout, _ = client.exec_command("true")
    stdout.channel.recv_exit_status()
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host", help="a running sandbox host, such as hv1")
    parser.add_argument("--pairs", type=int, default=50)
    arguments = parser.parse_args()
    reached = sandbox.connection(arguments.host)
    with connect(reached, nagle=True) as slow, connect(reached, nagle=False) as fast:
        seconds(slow), seconds(fast)  # the first of each opens caches on the host
        pairs = [(seconds(slow), seconds(fast)) for _ in range(arguments.pairs)]
    rows = {
        "Nagle on, ms": [1000 * a for a, _ in pairs],
        "TCP_NODELAY, ms": [1000 * b for _, b in pairs],
        "ratio": [a / b for a, b in pairs],
    }
    for name, values in rows.items():
        low, _, high = statistics.quantiles(values, n=4)
        print(f"{name:16} median {statistics.median(values):7.2f}   quartiles {low:7.2f} … {high:7.2f}")


if __name__ == "__main__":
    main()
