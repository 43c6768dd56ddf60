"""The sample issue and its readers: what a first start shows, and what tests may rely on.

Owns: a whole issue of a publication that doesn't exist, in a city that doesn't exist, and 200
readers at reserved domains (RFC 2606, RFC 6761, and the test domain 测试 of IANA).
Promises: every person, company, study and number in it is invented. The manuscript imports
without errors; three small slips in it are deliberate, so that the findings have something to say.
"""

from pathlib import Path


def sample_manuscript() -> Path:
    """《澜港电商观察》2026 年第 21 期, as an editor would hand it in."""
    return Path(__file__).with_name("sample.md")


def sample_subscribers() -> Path:
    """A CSV with the header 邮箱,姓名,单位."""
    return Path(__file__).with_name("subscribers.csv")
