"""What an administrator writes, read: inventories, the roster, and the allocation file beside it."""
