"""Log formats that cannot write secrets: fields and texts are written by an allow-list.

* Of the extra attributes of a record only the names in `FIELDS` are written, if they are plain scalars.
* Of an exception the types and the places are written. Its text is written only for exceptions of this project and
  of the system, because libraries quote the values that they could not read.
* Records of other packages are shortened, and anything like a token, a PEM block or encoded bytes is redacted. They are
  never written below INFO, because at DEBUG some print whole objects.

Messages of this project need no filter: private bytes have a type that prints as <redacted>.
"""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from types import TracebackType

OURS = "jwks_operator"
FIELDS = (
    "set", "kid", "entry", "algorithm", "action", "reason", "event", "kind", "object", "namespace",
    "attempt", "delay", "due", "duration", "queued", "sets", "status",
)  # fmt: skip
QUIET = {
    "kopf": logging.CRITICAL,  # a line for each attempt of each watch: echo_filter.py and app.py log its trouble once
    "kopf.objects": logging.WARNING,  # a handler that failed
    "aiohttp.access": logging.WARNING,
    "asyncio": logging.WARNING,
}
FOREIGN_MAX = 500

_SUSPECT = re.compile(r"-----BEGIN.*|[A-Za-z0-9+/_=-]{40,}", re.DOTALL)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC, RFC 3339), level, logger, message, the allowed fields, error."""

    def format(self, record: logging.LogRecord) -> str:
        """Render the record."""
        line: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        line |= _fields(record)
        if trace := _trace(record):
            line["error"] = trace
        return json.dumps(line, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """One line of text: `time LEVEL logger message key=value …`."""

    def format(self, record: logging.LogRecord) -> str:
        """Render the record."""
        fields = "".join(f" {name}={value}" for name, value in _fields(record).items())
        trace = "".join(f"\n  {part}" for part in _trace(record))
        return f"{_time(record)} {record.levelname} {record.name} {_message(record)}{fields}{trace}"


FORMATS: dict[str, type[logging.Formatter]] = {"json": JsonFormatter, "text": TextFormatter}


def install_logging(log_format: str, level: int) -> None:
    """Write all records to standard error in a format; `level` applies to the loggers of this project."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FORMATS[log_format]())
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(max(level, logging.INFO))
    logging.getLogger(OURS).setLevel(level)
    for name, least in QUIET.items():
        logging.getLogger(name).setLevel(max(level, least))


def _is_ours(record: logging.LogRecord) -> bool:
    return record.name == OURS or record.name.startswith(f"{OURS}.")


def _time(record: logging.LogRecord) -> str:
    time = datetime.fromtimestamp(record.created, UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(record: logging.LogRecord) -> str:
    message = record.getMessage()
    return message if _is_ours(record) else _SUSPECT.sub("<redacted>", message[:FOREIGN_MAX])


def _fields(record: logging.LogRecord) -> dict[str, object]:
    present = {name: record.__dict__[name] for name in FIELDS if name in record.__dict__}
    return {name: value for name, value in present.items() if isinstance(value, str | int | float | None)}


def _trace(record: logging.LogRecord) -> list[str]:
    parts: list[str] = []
    error = record.exc_info[1] if record.exc_info else None
    while error is not None:
        parts.append(_text(error))
        parts += _places(error.__traceback__)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return parts


def _text(error: BaseException) -> str:
    kind = type(error)
    known = kind.__module__.split(".")[0] == OURS or isinstance(error, OSError)
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    return f"{name}: {error}" if known else name


def _places(trace: TracebackType | None) -> list[str]:
    places: list[str] = []
    while trace is not None:
        code = trace.tb_frame.f_code
        file = "/".join(code.co_filename.split("/")[-3:])
        places.append(f"{file}:{trace.tb_lineno} in {code.co_name}")
        trace = trace.tb_next
    return places
