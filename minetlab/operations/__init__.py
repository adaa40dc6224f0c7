"""pyinfra operations: each compares what is wanted with what a fact has seen, and yields commands."""
