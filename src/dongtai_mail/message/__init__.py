"""Mail as bytes: addresses, headers, composing, signing, and the tokens mail carries.

Owns: one module a concept of mail; see each. ``docs/message.md`` shows how they go together.
Promises: pure. Nothing here knows Django, opens a socket, reads a clock or draws a random number,
except ``dkim.new_key``, which is asked to.
"""
