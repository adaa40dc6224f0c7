"""pyinfra operations for what pyinfra lacks: a bulk fact, a pure comparison, and the commands in between."""
