"""What verification results say: plain Python, no Django."""
