"""What people see when a page is missing, forbidden or broken; in the calm voice of all others."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "public/not_found.html", status=404)


def forbidden(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that was not ours, or that a new sign-in has outdated (CSRF)."""
    return render(request, "public/forbidden.html", status=403)


def refused(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Somebody whose role does not include this step; the exception says whose it is."""
    return render(request, "public/refused.html", {"why": str(exception)}, status=403)


def malformed(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "public/malformed.html", status=400)


def too_many(request: HttpRequest) -> HttpResponse:
    """Somebody, or a program, who tries passwords or asks for mails faster than people do."""
    return render(request, "public/too_many.html", status=429)


def too_big(request: HttpRequest, most: int) -> HttpResponse:
    return render(request, "public/too_big.html", {"most": most >> 20}, status=413)


def broken(request: HttpRequest) -> HttpResponse:
    return render(request, "public/broken.html", status=500)
