"""Door 1: HTML for people."""
