"""Rules of the core as plain Python: no Django, no database."""
