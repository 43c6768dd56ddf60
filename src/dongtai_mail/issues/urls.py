"""Addresses of issues, as readers see them."""

from django.urls import path

from dongtai_mail.issues import clicks, views

app_name = "issues"
urlpatterns = [
    path("<slug:publication>/<slug:key>/", views.read, name="read"),
]
# Short: they stand in mails, and count for their size.
links = ([path("<slug:key>/<int:number>", clicks.follow, name="follow")], "links")
