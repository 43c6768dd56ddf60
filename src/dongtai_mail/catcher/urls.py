"""Addresses of the mail catcher."""

from django.urls import URLPattern

app_name = "catcher"
urlpatterns: list[URLPattern] = []
