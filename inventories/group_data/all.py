"""Settings of the whole lab."""

from pathlib import Path

lab_name = "minet"
# The list of students: see docs/howto/roster.md. Beside it, allocation.csv records which host, and which
# address or port, each machine was given. Commit both.
roster = str(Path(__file__).parent.parent / "students.csv")

# True: a KVM host without hardware virtualization is an error. False: its guests are emulated; a warning says
# so.
require_kvm = False
