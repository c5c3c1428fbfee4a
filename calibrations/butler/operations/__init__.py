"""What the process at a repository can do, by name; each in a module of its kind."""
