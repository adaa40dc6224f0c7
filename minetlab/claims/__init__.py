"""The course: what its practical work says, in a form that can be executed and compared."""
