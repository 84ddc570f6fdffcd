"""How a bundle does on this machine: measured, laid beside what the machine could do, and what to change."""
