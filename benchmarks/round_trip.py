"""Measure the time of one command over SSH with and without Nagle's algorithm, which paramiko leaves on.

    python benchmarks/round_trip.py hv1

The sandbox host must be running. Two connections run the same command in turn, A B A B …, and the ratio is
taken of each pair, so that it does not depend on a drift of the machine's speed.
"""

import argparse
import socket
import statistics
import time

import paramiko

from minetlab import sandbox
from minetlab.sandbox import Connection


def connect(connection: Connection, *, nagle: bool) -> paramiko.SSHClient:
    """Connect as pyinfra does, and switch Nagle's algorithm on or off."""
    client = paramiko.SSHClient()
    client.load_host_keys(str(connection.known_hosts))
    client.connect(connection.hostname, connection.port, connection.user, key_filename=str(connection.key))
    transport = client.get_transport()
    assert transport is not None
    assert isinstance(transport.sock, socket.socket)
    transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(not nagle))
    return client


def seconds(client: paramiko.SSHClient) -> float:
    """Return the time that it takes to run a command that does nothing, and to read its exit status."""
    start = time.perf_counter()
    _, stdout, _ = client.exec_command("true")
    stdout.channel.recv_exit_status()
    return time.perf_counter() - start


def main() -> None:
    """Measure, and print the medians and quartiles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host", help="a running sandbox host, such as hv1")
    parser.add_argument("--pairs", type=int, default=50)
    arguments = parser.parse_args()
    connection = sandbox.connection(arguments.host)
    with connect(connection, nagle=True) as slow, connect(connection, nagle=False) as fast:
        seconds(slow), seconds(fast)  # The first command of each fills caches on the host.
        pairs = [(seconds(slow), seconds(fast)) for _ in range(arguments.pairs)]
    rows = {
        "Nagle on, ms": [1000 * slow_seconds for slow_seconds, _ in pairs],
        "TCP_NODELAY, ms": [1000 * fast_seconds for _, fast_seconds in pairs],
        "ratio": [slow_seconds / fast_seconds for slow_seconds, fast_seconds in pairs],
    }
    for name, values in rows.items():
        low, _, high = statistics.quantiles(values, n=4)
        print(f"{name:16} median {statistics.median(values):7.2f}   quartiles {low:7.2f} … {high:7.2f}")


if __name__ == "__main__":
    main()
