"""pyinfra facts: what a host holds, everything of a kind in one command."""
