"""The web server's own log lines, written as all others are.

Owns: gunicorn's formatter. Promises: its starts, stops and faults are a line each.
"""

from __future__ import annotations

from typing import Any

from gunicorn.glogging import Logger

from dongtai_mail.logs import Line


class WebLog(Logger):  # type: ignore[misc]  # It ships no types.
    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(Line())
