"""What holds instead, on the hosts of the sandbox."""

# A container host there takes a minute for each image, and a guest boots longer, the more is in it: the
# rest of the practical work and its site are left to inventories/course.py.
tp_images = ["processus"]
guest_tps = []
site_port = None
