"""The lab's own secrets on this machine: key pairs and passwords, in files of mode 0600."""
