"""What a hostile student tries: programs that run in their machines, and what they are made of."""
