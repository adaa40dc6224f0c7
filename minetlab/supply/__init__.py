"""The images that a lab is made of, all together: which they are, how old they are, and what is in them."""
