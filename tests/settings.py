"""The settings under test: the real ones, in an environment made for the tests.

``DONGTAI_DATABASE_URL`` from outside chooses the database: SQLite unless it is set.
"""

import atexit
import os
import shutil
import tempfile

_data = tempfile.mkdtemp(prefix="dongtai-test-")
atexit.register(shutil.rmtree, _data, ignore_errors=True)
for _name, _value in {
    "DONGTAI_MODE": "test",
    "DONGTAI_SECRET_KEY": "test" * 16,
    "DONGTAI_SEAL_KEYS": "1:" + "5e" * 32,
    "DONGTAI_DATABASE_URL": f"sqlite:///{_data}/dongtai.sqlite3",
    "DONGTAI_REDIS_URL": f"redis+socket://{_data}/redis.sock",
    "DONGTAI_DATA_DIR": _data,
    "DONGTAI_CATCHER_DATABASE": f"{_data}/catcher.sqlite3",
    "DONGTAI_ORIGIN": "https://news.example.org",
}.items():
    os.environ.setdefault(_name, _value)

from dongtai_mail.settings import *  # noqa: E402, F403 - the environment has to stand first

# A live server's threads end without a word; what they leave open would hold the test database.
DATABASES["default"]["CONN_MAX_AGE"] = 0  # noqa: F405 - it comes with the star
# Each test's client has a server of its own, which would else read all static files first.
WHITENOISE_AUTOREFRESH = True
# A proper hash takes a second, hundreds of times over.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
