"""The addresses of this app."""

from django.urls import URLPattern, path

from subsidies.views import (
    cash,
    checks,
    differences,
    duties,
    help,
    ledger,
    quotes,
    records,
    recoveries,
    settlement,
    totals,
    words,
    zero,
)

app_name = "subsidies"
urlpatterns: list[URLPattern] = [
    path("<str:county>/<int:year>/quotes/", quotes.quotes, name="quotes"),
    path("<str:county>/<int:year>/residents/<int:pk>/quotes/", quotes.person, name="quotes-person"),
    path("<str:county>/<int:year>/residents/<int:pk>/records/", records.act, name="records"),
    path("<str:county>/<int:year>/ledger/", ledger.ledger, name="ledger"),
    path("<str:county>/<int:year>/ledger/export/", ledger.export, name="ledger-export"),
    path("<str:county>/<int:year>/checks/", checks.checks, name="checks"),
    path("<str:county>/<int:year>/checks/act/", checks.act, name="checks-act"),
    path("<str:county>/<int:year>/checks/count/", checks.count, name="checks-count"),
    path("<str:county>/<int:year>/checks/export/", checks.export, name="checks-export"),
    path("<str:county>/<int:year>/checks/<int:pk>/", checks.one, name="checks-one"),
    path("<str:county>/<int:year>/rosters/<int:pk>/words/", words.page, name="words"),
    path("<str:county>/<int:year>/cash/", cash.cash, name="cash"),
    path("<str:county>/<int:year>/cash/remit/", cash.remit, name="cash-remit"),
    path("<str:county>/<int:year>/cash/close/", cash.close, name="cash-close"),
    path("<str:county>/<int:year>/cash/<int:pk>/", cash.receipt, name="cash-receipt"),
    path("<str:county>/<int:year>/cash/days/<int:pk>/", cash.day, name="cash-day"),
    path("<str:county>/<int:year>/residents/<int:pk>/cash/", cash.take, name="cash-take"),
    path("<str:county>/<int:year>/duties/", duties.duties, name="duties"),
    path("<str:county>/<int:year>/duties/nil/", duties.nil, name="duties-nil"),
    path("<str:county>/<int:year>/zero/", zero.page, name="zero"),
    path("<str:county>/<int:year>/zero/export/", zero.export, name="zero-export"),
    path("<str:county>/<int:year>/differences/", differences.page, name="differences"),
    path(
        "<str:county>/<int:year>/differences/export/",
        differences.export,
        name="differences-export",
    ),
    path("<str:county>/<int:year>/recoveries/", recoveries.page, name="recoveries"),
    path("<str:county>/<int:year>/recoveries/export/", recoveries.export, name="recoveries-export"),
    path("<str:county>/<int:year>/help/", help.page, name="help"),
    path("<str:county>/<int:year>/help/new/", help.new, name="help-new"),
    path("<str:county>/<int:year>/totals/", totals.page, name="totals"),
    path("<str:county>/<int:year>/totals/export/", totals.export, name="totals-export"),
    path("<str:county>/<int:year>/settlement/", settlement.page, name="settlement"),
]
