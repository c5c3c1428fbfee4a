"""The portal's database in a file, which processes can share and tests can copy."""

import contextlib


@contextlib.contextmanager
def portal_database(path):
    """Use a database in a file, which worker processes can share, for a while."""
    from django.db import connections

    settings = connections.settings["default"]
    before, old = settings["NAME"], connections["default"]
    settings["NAME"] = str(path)
    connections["default"] = connections.create_connection("default")
    try:
        yield
    finally:
        connections["default"].close()
        settings["NAME"] = before
        connections["default"] = old


def make_migrated(path):
    """Make a database of empty tables, to be copied."""
    from django.core.management import call_command
    from django.db import connection

    with portal_database(path):
        call_command("migrate", verbosity=0)
        # One file to copy, without the journal beside it.
        connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path
