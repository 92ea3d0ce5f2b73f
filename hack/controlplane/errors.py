"""What can go wrong with the control plane.

ControlPlaneError
├── PortTaken        another process took the free port first; start() tries again with other ports
└── ApiError         the API server answered with an error status
"""


class ControlPlaneError(Exception):
    """The control plane cannot be built, started or used; the message says why and what to do."""


class PortTaken(ControlPlaneError):
    """A server found the port that was free a moment ago taken."""


class ApiError(ControlPlaneError):
    """The API server refused a request; `status` is its HTTP status code."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
