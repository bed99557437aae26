"""The addresses of this app."""

from django.urls import URLPattern, path

from targets.views import (
    coverage,
    exports,
    home,
    homes,
    person,
    policy,
    policy_opening,
    policy_rules,
    policy_versions,
    progress,
    record,
    reports,
    tables,
    targets,
    village,
    visits,
)
from targets.views.registering import deeds, households, reviews
from targets.views.registering import page as registering

app_name = "targets"
urlpatterns: list[URLPattern] = [
    path("", home.home, name="home"),
    path("<str:county>/<int:year>/village/", village.village, name="village"),
    path("<str:county>/<int:year>/worklist/<str:name>/", village.listing, name="worklist"),
    path(
        "<str:county>/<int:year>/worklist/<str:name>/home/<int:pk>/",
        homes.home,
        name="worklist-home",
    ),
    path("<str:county>/<int:year>/register/", registering.register, name="register"),
    path("<str:county>/<int:year>/register/check/", registering.check, name="register-check"),
    path("<str:county>/<int:year>/register/owed/", registering.owed, name="register-owed"),
    path("<str:county>/<int:year>/visits/", visits.overview, name="visits"),
    path("<str:county>/<int:year>/visits/assign/", visits.assign, name="visits-assign"),
    path("<str:county>/<int:year>/visits/sheet/", visits.sheet, name="visits-sheet"),
    path("<str:county>/<int:year>/visits/slips/", visits.slips, name="visits-slips"),
    path("<str:county>/<int:year>/visits/book/", visits.book, name="visits-book"),
    path("<str:county>/<int:year>/visits/phones/", visits.phones, name="visits-phones"),
    path("<str:county>/<int:year>/visits/return/", visits.hand_back, name="visits-return"),
    path(
        "<str:county>/<int:year>/visits/return/<int:pk>/",
        visits.returned,
        name="visits-returned",
    ),
    path("<str:county>/<int:year>/residents/<int:pk>/deeds/", deeds.deed, name="deed"),
    path("<str:county>/<int:year>/statuses/<int:pk>/end/", deeds.end_status, name="status-end"),
    path("<str:county>/<int:year>/papers/<int:pk>/", deeds.paper, name="paper"),
    path("<str:county>/<int:year>/households/<int:pk>/", households.household, name="household"),
    path("<str:county>/<int:year>/reviews/", reviews.reviews, name="reviews"),
    path("<str:county>/<int:year>/progress/", progress.progress, name="progress"),
    path("<str:county>/<int:year>/names/<str:figure>/", progress.names, name="progress-names"),
    path(
        "<str:county>/<int:year>/names/<str:figure>/export/",
        exports.names,
        name="progress-names-export",
    ),
    path("<str:county>/<int:year>/residents/<int:pk>/", person.person, name="person"),
    path("<str:county>/<int:year>/residents/<int:pk>/reveal/", person.reveal, name="reveal"),
    path("<str:county>/<int:year>/residents/<int:pk>/record/", record.record_of, name="record"),
    path("<str:county>/<int:year>/coverage/", coverage.coverage, name="coverage"),
    path("<str:county>/<int:year>/coverage/names/", coverage.names, name="coverage-names"),
    path(
        "<str:county>/<int:year>/coverage/names/export/",
        coverage.export,
        name="coverage-names-export",
    ),
    path("<str:county>/<int:year>/targets/", targets.targets, name="targets"),
    path("<str:county>/<int:year>/targets/draft/", targets.targets_draft, name="targets-draft"),
    path(
        "<str:county>/<int:year>/targets/<int:pk>/issue/",
        targets.targets_issue,
        name="targets-issue",
    ),
    path(
        "<str:county>/<int:year>/targets/<int:pk>/discard/",
        targets.targets_discard,
        name="targets-discard",
    ),
    path("<str:county>/<int:year>/lists/<str:name>/", exports.listing, name="list-file"),
    path("<str:county>/<int:year>/reports/", reports.reports, name="reports"),
    path("<str:county>/<int:year>/reports/<str:name>/", reports.report, name="report"),
    path("<str:county>/<int:year>/tables/<str:name>/", tables.table, name="table"),
    path("<str:county>/<int:year>/policy/", policy.policy, name="policy"),
    path("<str:county>/<int:year>/policy/pack/", policy.policy_pack, name="policy-pack"),
    path(
        "<str:county>/<int:year>/policy/rules/<path:where>/",
        policy_rules.rule,
        name="policy-rule",
    ),
    path("<str:county>/<int:year>/policy/draft/", policy_versions.draft, name="policy-draft"),
    path(
        "<str:county>/<int:year>/policy/versions/",
        policy_versions.versions,
        name="policy-versions",
    ),
    path(
        "<str:county>/<int:year>/policy/versions/<int:number>/",
        policy_versions.version,
        name="policy-version",
    ),
    path("<str:county>/<int:year>/policy/clone/", policy_opening.clone, name="policy-clone"),
    path("<str:county>/<int:year>/policy/opening/", policy_opening.overview, name="policy-opening"),
    path("<str:county>/<int:year>/policy/confirm/", policy_opening.confirm, name="policy-confirm"),
    path(
        "<str:county>/<int:year>/policy/activate/", policy_opening.activate, name="policy-activate"
    ),
    path(
        "<str:county>/<int:year>/policy/comparison/",
        policy_opening.comparison,
        name="policy-comparison",
    ),
    path("<str:county>/<int:year>/policy/trial/", policy_opening.trial, name="policy-trial"),
    path(
        "<str:county>/<int:year>/policy/trial/list/",
        policy_opening.trial_list,
        name="policy-trial-list",
    ),
]
