"""Pages and pictures of a lab and of what was proved of it, for people to look at."""
