"""An OSC receiver made of python-osc's server: bundles as lists of (address, arguments)."""

from __future__ import annotations


class OscReceiver:
    """Listens on a free port of this machine; needs python-osc."""

    def __init__(self) -> None:
        from pythonosc.dispatcher import Dispatcher
        from pythonosc.osc_server import BlockingOSCUDPServer

        self.heard: list[tuple[str, list[object]]] = []
        dispatcher = Dispatcher()
        dispatcher.set_default_handler(
            lambda address, *values: self.heard.append((address, list(values)))
        )
        self._server = BlockingOSCUDPServer(("127.0.0.1", 0), dispatcher)
        self._server.timeout = 5.0
        self.port = int(self._server.server_address[1])

    def bundle(self) -> list[tuple[str, list[object]]]:
        """The messages of the next datagram, in order; none if it does not come within 5 s."""
        self.heard.clear()
        self._server.handle_request()
        return list(self.heard)

    def close(self) -> None:
        self._server.server_close()
