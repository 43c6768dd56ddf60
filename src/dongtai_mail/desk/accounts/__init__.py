"""Signing in and staff's own accounts: django-allauth, in our words and with our limits."""
