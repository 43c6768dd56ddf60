"""One PostgreSQL for all end-to-end tests; a Redis and a database of its own for each."""

from tests.processes import cluster, directory, installation, redis, smtp

__all__ = ["cluster", "directory", "installation", "redis", "smtp"]
