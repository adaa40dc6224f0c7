"""The only way to a lab's machines: the SSH configuration, and commands run over it."""
