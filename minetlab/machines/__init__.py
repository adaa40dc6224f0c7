"""Acts of an administrator on machines that stand: their state, students' work, new keys, what is left."""
