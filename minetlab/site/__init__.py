"""The TP site: made here of the sheets and the plan, and its web server."""
