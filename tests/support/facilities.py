"""The observatory's facilities, for the many tests that begin with them."""

_rows = []


def load_facilities():
    """Load the fixture; once it was loaded, its rows are written again as they were.

    Looking for the file and for every name in it takes ten times as long.
    """
    from django.core.management import call_command

    from taxicab.core.models import Facility, Instrument, Repository

    if not _rows:
        call_command("loaddata", "facilities", verbosity=0)
        models = (Facility, Instrument, Repository, Repository.instruments.through)
        _rows.extend((model, list(model.objects.all())) for model in models)
        return
    for model, rows in _rows:
        model.objects.bulk_create(rows)
