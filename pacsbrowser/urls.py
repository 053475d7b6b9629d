"""The mounts: what answers below which path."""

from django.urls import include, path

urlpatterns = [
    path("dicom-web/", include("pacsbrowser.dicomweb.urls")),
    path("", include("pacsbrowser.pages.urls")),
]

handler400 = "pacsbrowser.pages.problems.bad_request"
handler403 = "pacsbrowser.pages.problems.permission_denied"
handler404 = "pacsbrowser.pages.problems.page_not_found"
handler500 = "pacsbrowser.pages.problems.server_error"
