"""What holds for the whole lab."""

from pathlib import Path

lab_name = "minet"
# Who takes part: docs/howto/roster.md. Beside it, allocation.csv keeps who has been given which host, address
# and port: commit both.
roster = str(Path(__file__).parent.parent / "students.csv")

# True: a host without hardware virtualization is an error. False: its guests are emulated, and that is said.
require_kvm = False
