"""Many prompts from a file, answered several at once into a folder; an interrupted batch continues."""
