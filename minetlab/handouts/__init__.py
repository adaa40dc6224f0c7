"""What students get before a session: a card on paper, and a folder with which they log in."""
