"""Edits of finished clips: cut, mirrored, in place, looped."""
