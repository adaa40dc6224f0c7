"""The hosts of the lab: two sandbox hosts, in whose place the names of real hosts can be written.

See production.example.py for real hosts, group_data/ for the lab's settings, students.csv for the roster, and
allocation.csv for the hosts, addresses and ports that students' machines were given.
"""

kvm_hosts = ["@sandbox/hv1"]
container_hosts = ["@sandbox/ct1"]
