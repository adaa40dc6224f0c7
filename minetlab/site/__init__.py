"""The portal: the course's TP site, made here of the sheets and the plan, and its web server."""
