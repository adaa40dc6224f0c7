"""What the course claims of the machines, as data; what was seen and measured of it, and what follows."""
