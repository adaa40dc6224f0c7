"""pyinfra operations: each compares the desired state with facts, and yields the commands to reach it."""
