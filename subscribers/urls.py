"""Addresses of readers' own pages. They are repeated in every mail, hence short.

A final slash that a mail client lost is no reason to keep somebody subscribed: both spellings are
served, since a redirect would turn the one-click POST into a GET.
"""

from django.urls import path

from subscribers.views import leaving, mailbox, preferences, signup

app_name = "subscribers"
urlpatterns = [
    path("u/<str:token>", leaving.unsubscribe),
    path("u/<str:token>/", leaving.unsubscribe, name="unsubscribe"),
    path("u/<str:token>/return/", leaving.resubscribe, name="resubscribe"),
    path("u/<str:token>/reason/", leaving.reason, name="reason"),
    path("p/<str:token>", preferences.preferences),
    path("p/<str:token>/", preferences.preferences, name="preferences"),
    path("p/<str:token>/address/", mailbox.move, name="move"),
    path("p/<str:token>/data/", mailbox.data, name="data"),
    path("p/<str:token>/erasure/", preferences.erasure, name="erasure"),
    path("s/<slug:slug>/", signup.sign_up, name="sign-up"),
    path("c/<str:token>/", signup.confirmation, name="confirmation"),
    path("m/<str:token>/", mailbox.moved, name="moved"),
    path("b/<str:token>/", mailbox.restored, name="restored"),
    path("d/<str:token>/", mailbox.download, name="download"),
]
