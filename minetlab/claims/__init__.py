"""What the course claims of the machines, as data, and what was seen and measured of it. No I/O."""
