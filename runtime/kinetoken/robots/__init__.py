"""Motion for humanoid robots: references for a tracking policy, never commands to motors."""
