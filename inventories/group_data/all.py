"""What holds for the whole lab."""

from pathlib import Path

lab_name = "minet"
roster = str(Path(__file__).parent.parent / "students.csv")

# True: a host without hardware virtualization is an error. False: its guests are emulated, and that is said.
require_kvm = False
