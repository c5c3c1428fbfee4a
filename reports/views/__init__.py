"""Pages of the application."""
