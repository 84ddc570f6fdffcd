"""Measures a bundle on this machine, compares it with the machine's limits, and gives advice."""
