"""What Testinfra lacks to look at a lab: connections, modules, and the machines under test."""
