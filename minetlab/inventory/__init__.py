"""What an administrator writes, read: inventory files, the roster, and the allocation file beside it."""
