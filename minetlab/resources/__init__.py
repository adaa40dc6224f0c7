"""What the lab has on a host, kind by kind: the desired, the observed, and what has to be done. No I/O."""
