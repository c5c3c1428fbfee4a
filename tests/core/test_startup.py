"""What a web process does before its first request."""

import gc

from taxicab.core.startup import load_pages


def test_what_lives_as_long_as_the_process_is_left_out_of_collections():
    try:
        load_pages()
        assert gc.get_freeze_count() > 10_000
    finally:
        gc.unfreeze()
