"""What holds instead, on the hosts of the sandbox."""

# A container host there takes a minute for each TP image, and a guest boots longer, the more is in it: the
# rest of the practical work is left to inventories/course.py.
tp_images = ["processus"]
guest_tps = []
