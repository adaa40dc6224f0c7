"""pyinfra facts: each reads all that a host has of one kind, in one command."""
