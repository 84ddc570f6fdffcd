"""Bundles by name: downloaded from a Hugging Face hub once, checked, kept in the user's cache."""
