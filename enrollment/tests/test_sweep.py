"""What the nightly sweep takes away beside previews and files."""

from datetime import timedelta

import pytest
from axes.models import AccessAttempt, AccessFailureLog
from django.utils import timezone

from enrollment import tasks

pytestmark = pytest.mark.django_db


def test_what_was_typed_at_a_failed_sign_in_goes_after_its_term():
    for age in (1, 29, 31):
        for model, more in ((AccessAttempt, {"failures_since_start": 1}), (AccessFailureLog, {})):
            made = model.objects.create(username=f"typed-{age}", ip_address="10.0.0.1", **more)
            then = timezone.now() - timedelta(days=age)
            model.objects.filter(pk=made.pk).update(attempt_time=then)
    tasks.sweep()
    for model in (AccessAttempt, AccessFailureLog):
        left = set(model.objects.values_list("username", flat=True))
        assert left == {"typed-1", "typed-29"}
