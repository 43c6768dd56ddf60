"""Addresses of readers' own pages. They are repeated in every mail, hence short.

A final slash that a mail client lost is no reason to keep somebody subscribed: both spellings are
served, since a redirect would turn the one-click POST into a GET.
"""

from django.urls import path

from subscribers import views

app_name = "subscribers"
urlpatterns = [
    path("u/<str:token>", views.unsubscribe),
    path("u/<str:token>/", views.unsubscribe, name="unsubscribe"),
    path("u/<str:token>/return/", views.resubscribe, name="resubscribe"),
    path("p/<str:token>", views.preferences),
    path("p/<str:token>/", views.preferences, name="preferences"),
]
