"""The door of the command `kinetoken` and of `python -m kinetoken`.

It is light, so that Ctrl-C is one line from the first moment that Python gives us.
"""

from __future__ import annotations

import sys


def run() -> int:
    """Run the command line of this process; the exit code."""
    try:
        import signal

        if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
            signal.signal(signal.SIGINT, _leave)
        from .base.operating_system import STOP_SIGNALS

        for number in STOP_SIGNALS:
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _leave)
        from .cli.standard_streams import open_missing_streams

        open_missing_streams()
        from .cli.main import main

        code = main()
        for number in STOP_SIGNALS:
            if signal.getsignal(number) is _leave:  # all is done: Python only has to end
                signal.signal(number, signal.SIG_IGN)
        return code
    except KeyboardInterrupt:  # before our own handler was there
        _leave()
        return 130


def _leave(*_: object) -> None:
    """End at once with one line: nothing has been made yet that could be lost."""
    import os

    signals = sys.modules.get(f"{__package__}.base.signals")
    if signals is not None and signals.told_to_end():
        return  # it ends already
    try:
        os.write(2, b"kinetoken: stopped\n")
    finally:
        os._exit(130)


if __name__ == "__main__":
    sys.exit(run())
