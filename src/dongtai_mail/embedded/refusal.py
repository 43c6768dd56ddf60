"""Why the embedded installation can't start, in words for the person who tried."""


class Refused(Exception):
    """What happened and what to do, in Chinese and in English."""

    def __init__(self, chinese: str, english: str) -> None:
        super().__init__(f"{chinese}\n{english}")
