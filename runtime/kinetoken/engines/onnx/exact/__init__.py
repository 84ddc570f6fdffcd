"""A fused graph computed so that every processor gets the same bits."""
