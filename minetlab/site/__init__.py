"""The TP site: its pages, made of sheets and plan, and the web server that serves them."""
