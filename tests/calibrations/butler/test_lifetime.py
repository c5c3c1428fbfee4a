"""A cancel is never lost, wherever the signal finds Python."""

import os
import signal

import pytest

from calibrations.butler import lifetime


@pytest.fixture(autouse=True)
def _own_handler():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)
    lifetime._told_to_end.clear()


def test_the_signal_raises_once_and_nothing_is_pending_before():
    lifetime.raise_on_sigterm()
    lifetime.raise_if_terminated()
    with pytest.raises(lifetime.Terminated):
        os.kill(os.getpid(), signal.SIGTERM)
    # What cleans up after the first is not interrupted by a second.
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_signal_in_a_finaliser_is_raised_at_the_next_quantum():
    class Finalised:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGTERM)
            # The handler runs before the next instruction, inside the finaliser.

    lifetime.raise_on_sigterm()
    one = Finalised()
    del one
    with pytest.raises(lifetime.Terminated):
        lifetime.raise_if_terminated()
