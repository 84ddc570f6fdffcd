"""Many prompts: read from a file, answered several at once, kept in a folder that can be gone on with."""
