"""The addresses of the pages. Studies, series and instances carry their UIDs, patients the key of their row."""

from django.urls import path

from pacsbrowser.pages import account, audit_log, chart, health, jobs, people, upload, upload_files

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("help/", health.help, name="help"),
    path("accounts/login/", account.login, name="login"),
    path("accounts/logout/", account.logout, name="logout"),
    path("accounts/", account.account, name="account"),
    path("accounts/password/", account.password_change, name="password_change"),
    path("accounts/theme/", account.theme, name="theme"),
    path("setup/<str:token>/", account.setup, name="setup"),
    path("users/", people.user_list, name="user_list"),
    path("users/add/", people.user_add, name="user_add"),
    path("users/<int:pk>/", people.user_detail, name="user_detail"),
    path("users/<int:pk>/link/", people.user_link, name="user_link"),
    path("audit/", audit_log.event_list, name="event_list"),
    path("jobs/", jobs.job_list, name="job_list"),
    path("jobs/<uuid:pk>/", jobs.job_detail, name="job_detail"),
    path("jobs/<uuid:pk>/cancel/", jobs.job_cancel, name="job_cancel"),
    path("jobs/<uuid:pk>/retry/", jobs.job_retry, name="job_retry"),
    path("patients/<int:pk>/chart/", chart.patient_chart, name="patient_chart"),
    path("studies/<str:study_uid>/chart/", chart.study_chart, name="study_chart"),
    path("studies/<str:study_uid>/series/<str:series_uid>/range/", chart.chart_range, name="chart_range"),
    path("upload/", upload.upload, name="upload"),
    path("upload/begin/", upload_files.upload_begin, name="upload_begin"),
    path("upload/<uuid:pk>/", upload.upload_report, name="upload_report"),
    path("upload/<uuid:pk>/csv", upload.upload_csv, name="upload_csv"),
    path("upload/<uuid:pk>/files", upload_files.upload_files, name="upload_files"),
    path("upload/<uuid:pk>/known", upload_files.upload_known, name="upload_known"),
    path("upload/<uuid:pk>/finish", upload_files.upload_finish, name="upload_finish"),
]
