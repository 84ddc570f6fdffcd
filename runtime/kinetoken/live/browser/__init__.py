"""The page for browsers: its server, and its files in page/."""
