"""What the lab has on a host, a module a resource: wanted and seen state, compared. No I/O."""
