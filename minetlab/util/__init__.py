"""What any part of the project may use, and what knows nothing of labs: files, processes, paths, errors."""
