"""The verification: the pytest plugin of ``tests/hosts``, the machines under test, and what is read there."""
