"""What a lab is and what was proved of it, for people to look at: a page, and a picture of the topology."""
