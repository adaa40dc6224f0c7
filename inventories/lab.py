"""The hosts of the lab: put the names of real machines here, and nothing else changes.

See production.example.py for real hosts, group_data/ for the lab's settings, students.csv for the roster,
allocation.csv for what its students have been given.
"""

kvm_hosts = ["@sandbox/hv1"]
container_hosts = ["@sandbox/ct1"]
