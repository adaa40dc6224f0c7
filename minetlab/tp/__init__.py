"""The practical work (TP): definitions and sheets from ``tp/``, and the images made of them."""
