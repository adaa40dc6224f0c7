"""Practical work (TP): its definitions and sheets in ``tp/``, and the images made of them."""
