"""pyinfra facts: all that a host has of a kind, in one command."""
