PROMPT='%F{green}%n@%m%f:%F{blue}%~%f$ '
