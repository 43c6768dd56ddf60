"""Dongtai Mail: a newsletter issue, from manuscript to inbox."""
