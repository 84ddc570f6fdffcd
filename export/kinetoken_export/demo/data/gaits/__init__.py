"""Windows of getting about: cycles of captured steps, made steps, and their styles."""
