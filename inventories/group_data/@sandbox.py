"""Settings that sandbox hosts have instead of those in the other files."""

# A sandbox host has KVM where this machine can nest it; elsewhere, its guests are emulated.
require_kvm = False

# There, a container host takes a minute for each image, and a guest takes longer to boot the more is in it.
# The other TPs and the TP site are in inventories/course.py.
tp_images = ["processus"]
guest_tps = []
site_port = None
