"""Prompts from browsers: several people, one generator, a queue; every page shows the same."""
