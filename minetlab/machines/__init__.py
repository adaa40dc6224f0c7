"""What an administrator does with running machines: see states, collect work, change keys, find leftovers."""
