"""Addresses of issues, as readers see them."""

from django.urls import path

from dongtai_mail.issues import views

app_name = "issues"
urlpatterns = [
    path("<slug:publication>/<slug:key>/", views.read, name="read"),
]
