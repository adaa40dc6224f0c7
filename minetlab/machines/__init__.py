"""An administrator's acts on machines that run: their state, students' work, new keys, what is left."""
