"""Every address: pages of readers and staff, webhooks, the mail catcher, health and metrics."""

from django.urls import include, path

from dongtai_mail import health
from dongtai_mail.desk import access
from dongtai_mail.issues import urls as issues
from dongtai_mail.metrics import metrics

handler400 = "dongtai_mail.desk.errors.malformed"
handler403 = "dongtai_mail.desk.errors.refused"
handler404 = "dongtai_mail.desk.errors.not_found"
handler429 = "dongtai_mail.desk.errors.too_many"
handler500 = "dongtai_mail.desk.errors.broken"

urlpatterns = [
    path("", include("dongtai_mail.desk.urls")),
    path("", include("dongtai_mail.desk.accounts.urls")),
    path("", include("subscribers.urls")),
    path("read/", include("dongtai_mail.issues.urls"), {"may_see": access.sees}),
    path("l/", include(issues.links)),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", metrics),
    path("webhooks/", include("dongtai_mail.delivery.webhooks")),
    path("catcher/", include("dongtai_mail.catcher.urls")),
]
