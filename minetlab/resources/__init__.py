"""What a lab has on a host: how each resource should be, how it is, and what differs. No I/O."""
