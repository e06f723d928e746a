"""Ctrl-C and SIGTERM, for every command: an exception wherever they fall, and raised again where it was swallowed."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType

AGAIN = 2.0  # seconds after which an interrupt is raised again if it was swallowed, as libraries do here and there


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived. Exit status 143."""


class Listener:
    """Signals become exceptions: a KeyboardInterrupt for SIGINT, Terminated for SIGTERM, until the work is over."""

    over = True
    heard = False

    def listen(self) -> None:
        """Listen from now on."""
        self.over = False
        self.kind: type[KeyboardInterrupt] = KeyboardInterrupt
        signal.signal(signal.SIGTERM, self._hear)
        signal.signal(signal.SIGINT, self._hear)  # also where a shell's `&` has turned it off
        signal.signal(signal.SIGALRM, self._repeat)
        sys.unraisablehook = self._swallowed
        threading.excepthook = self._in_a_thread

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        self.heard = True
        self.kind = Terminated if number == signal.SIGTERM else KeyboardInterrupt
        self._repeat()

    def _repeat(self, *_: object) -> None:
        if not self.over:
            signal.setitimer(signal.ITIMER_REAL, AGAIN)
            raise self.kind

    def _swallowed(self, what: sys.UnraisableHookArgs) -> None:
        """An interrupt that fell where none can be raised, into a destructor say, is raised again at once."""
        if isinstance(what.exc_value, KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, 0.01)
        else:
            sys.__unraisablehook__(what)

    def _in_a_thread(self, what: threading.ExceptHookArgs) -> None:
        """What goes wrong in a thread whose pool is being ended is of no interest."""
        if not self.heard:
            threading.__excepthook__(what)


LISTENER = Listener()
