"""What a lab has on a host, one module per resource: desired and observed state, compared. No I/O."""
