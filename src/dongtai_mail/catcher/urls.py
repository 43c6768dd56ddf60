"""Addresses of the mail catcher's pages."""

from django.urls import path

from dongtai_mail.catcher import views

app_name = "catcher"
urlpatterns = [
    path("", views.inbox, name="inbox"),
    path("<int:pk>/", views.rendered, name="message"),
    path("<int:pk>/html", views.html, name="html"),
    path("<int:pk>/text", views.text, name="text"),
    path("<int:pk>/headers", views.headers, name="headers"),
    path("<int:pk>/source", views.source, name="source"),
    path("<int:pk>/attachments", views.attachments, name="attachments"),
    path("<int:pk>/attachments/<int:number>", views.attachment, name="attachment"),
    path("<int:pk>/message.eml", views.raw, name="raw"),
]
