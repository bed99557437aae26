"""The addresses of this app."""

from django.urls import URLPattern, path

from enrollment.views import (
    accounts,
    audit,
    audit_export,
    directory,
    questions,
    regions,
    residents,
    sign_in,
)
from enrollment.views.rosters import actions, files, listing, page, upload

app_name = "enrollment"
urlpatterns: list[URLPattern] = [
    path("sign-in/", sign_in.SignIn.as_view(), name="sign-in"),
    path("sign-out/", sign_in.SignOut.as_view(), name="sign-out"),
    path("password/", sign_in.Password.as_view(), name="password"),
    path("code/", sign_in.code, name="second-factor-code"),
    path("second-factor/", sign_in.set_up, name="second-factor"),
    path("privacy/", sign_in.privacy, name="privacy"),
    path("keep-alive/", sign_in.keep_alive, name="keep-alive"),
    path("<str:county>/<int:year>/residents/", residents.residents, name="residents"),
    path("<str:county>/<int:year>/audit/", audit.audit, name="audit"),
    path("<str:county>/<int:year>/audit/export/", audit_export.export, name="audit-export"),
    path("<str:county>/<int:year>/regions/", regions.regions, name="regions"),
    path("<str:county>/<int:year>/regions/<str:key>/", regions.one, name="regions-one"),
    path("<str:county>/<int:year>/regions/<str:key>/new/", regions.new, name="regions-new"),
    path("<str:county>/<int:year>/directory/", directory.directory, name="directory"),
    path("<str:county>/<int:year>/directory/<int:pk>/", directory.one, name="directory-one"),
    path("<str:county>/<int:year>/questions/", questions.questions, name="questions"),
    path("<str:county>/<int:year>/questions/<int:pk>/", questions.one, name="questions-one"),
    path("<str:county>/<int:year>/accounts/", accounts.accounts, name="accounts"),
    path("<str:county>/<int:year>/accounts/new/", accounts.new, name="accounts-new"),
    path("<str:county>/<int:year>/accounts/<int:pk>/", accounts.one, name="accounts-one"),
    path(
        "<str:county>/<int:year>/accounts/<int:pk>/hand-over/",
        accounts.hand_over,
        name="accounts-hand-over",
    ),
    path("<str:county>/<int:year>/rosters/", listing.rosters, name="rosters"),
    path("<str:county>/<int:year>/rosters/new/", upload.new, name="rosters-new"),
    path("<str:county>/<int:year>/rosters/<int:pk>/", page.one, name="rosters-one"),
    path(
        "<str:county>/<int:year>/rosters/<int:pk>/progress/",
        page.progress,
        name="rosters-progress",
    ),
    path(
        "<str:county>/<int:year>/rosters/<int:pk>/cancel/",
        actions.cancel,
        name="rosters-cancel",
    ),
    path(
        "<str:county>/<int:year>/rosters/<int:pk>/headings/",
        actions.headings,
        name="rosters-headings",
    ),
    path(
        "<str:county>/<int:year>/rosters/<int:pk>/apply/",
        actions.apply,
        name="rosters-apply",
    ),
    path(
        "<str:county>/<int:year>/rosters/<int:pk>/discard/",
        actions.discard,
        name="rosters-discard",
    ),
    path(
        "<str:county>/<int:year>/rosters/<int:pk>/retry/",
        actions.retry,
        name="rosters-retry",
    ),
    path(
        "<str:county>/<int:year>/rosters/<int:pk>/withdraw/",
        actions.withdraw,
        name="rosters-withdraw",
    ),
    path(
        "<str:county>/<int:year>/rosters/<int:pk>/problems/",
        files.problems,
        name="rosters-problems",
    ),
    path(
        "<str:county>/<int:year>/rosters/<int:pk>/original/",
        files.original,
        name="rosters-original",
    ),
]
