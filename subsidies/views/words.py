"""没有认出的叫法: what the unknown words of a department's list mean, asked from its preview."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from enrollment import jobs, tasks
from enrollment.failure import Failure
from enrollment.models import Level
from enrollment.views.rosters.common import address, roster_or_404, title
from subsidies import meanings

# What one page asks; with the most frequent answered, the rest come next.
MOST = 100


@require_http_methods(["GET", "POST"])
def page(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """One row for each word; the list is read again at once with what was answered."""
    place, roster = roster_or_404(request, county, year, pk, may="may_apply")
    if place.user.job.level != Level.COUNTY:
        raise PermissionDenied("资助类别的叫法由县级说明，数据没有变化。")
    back = address("rosters-one", place, roster.pk)
    chosen = dict(zip(request.POST.getlist("word"), request.POST.getlist("meaning"), strict=False))
    if request.method == "POST":
        try:
            number = meanings.explain(roster, chosen, by=place.user)
            job = jobs.submit("read", roster=roster, by=place.user)
        except Failure as failure:
            messages.error(request, failure.message)
        else:
            tasks.run_job.delay_on_commit(job.pk)
            messages.success(request, f"已记下 {number} 种叫法，正在重新核对。")
            return redirect(back)
    asked = roster.unknown_words[:MOST]
    context = {
        "page_title": "没有认出的叫法",
        "answer": f"{title(roster, place)}里有 {len(roster.unknown_words)} 种叫法没有认出；"
        "说明一次，以后的名单照此认。",
        "policy_year": place.policy_year,
        "roster": roster,
        "words": [{**one, "chosen": chosen.get(one["word"], "")} for one in asked],
        "more": len(roster.unknown_words) - len(asked),
        "categories": meanings.offered(roster),
        "passed": meanings.PASSED,
        "back_url": back,
    }
    return render(request, "subsidies/words.html", context)
