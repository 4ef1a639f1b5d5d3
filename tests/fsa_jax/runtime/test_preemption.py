"""A signal becomes a wish to stop after the step; a second Ctrl-C interrupts."""

import os
import signal
import threading

import pytest

from fsa_jax.runtime.preemption import StopSignal


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_a_wish_and_the_handlers_come_back(number):
    before = signal.getsignal(number)
    with StopSignal() as stop:
        assert not stop.stops_at(1)
        os.kill(os.getpid(), number)
        assert stop.stops_at(2)
        assert stop.stops_at(3)
    assert signal.getsignal(number) is before


def test_a_second_ctrl_c_interrupts_and_a_second_sigterm_does_not():
    with StopSignal() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.stops_at(1)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_signals_of_another_thread_are_left_alone():
    before = signal.getsignal(signal.SIGTERM)
    found = []

    def run():
        with StopSignal() as stop:
            found.append((stop.stops_at(1), signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [(False, before)]
