"""Stand up MiNET's virtualization lab with pyinfra and prove that it shows what the course claims."""
