"""Settings of the whole lab."""

from pathlib import Path

lab_name = "minet"
# The list of students: see docs/howto/roster.md. Beside it, allocation.csv records which host, and which
# address or port, each machine was given. Commit both.
roster = str(Path(__file__).parent.parent / "students.csv")

# The networks from which students come, such as ["198.51.100.0/24"]: containers and the TP site answer nobody
# else, and whoever fails to log in from there does not shut out others behind the same address. Without any:
# they answer everybody. See docs/reference/firewall.md.
student_networks = []

# The SSH host keys of real hosts, pinned by `lab check --pin`: commit that file. A host whose key is not in
# it is refused, also at the first contact. Sandbox hosts need no line: this machine makes their keys.
ssh_known_hosts_file = str(Path(__file__).parent.parent / "known_hosts")
ssh_strict_host_key_checking = "yes"

# True: a KVM host without hardware virtualization is an error. False: its guests are emulated; a warning says
# so. In the sandbox it is False: see @sandbox.py.
require_kvm = True
