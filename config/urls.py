"""Every address of the portal begins here; each app keeps its own table of contents."""

from django.urls import include, path

from config import health

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("", include("enrollment.urls")),
    path("", include("subsidies.urls")),
    path("", include("targets.urls")),
]
