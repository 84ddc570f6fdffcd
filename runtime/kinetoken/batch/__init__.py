"""Many prompts from a file, answered several at once into a folder.

An interrupted batch continues.
"""
