"""The files that describe a lab, read and changed: inventory, roster, and the allocation file beside it."""
