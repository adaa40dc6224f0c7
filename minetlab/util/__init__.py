"""What any part may use and what knows nothing of labs: files, programs, paths, templates, errors."""
