"""verify_audit: is the trail of events whole?"""

import sys
from typing import Any

from enrollment import audit
from enrollment.commands import PortalCommand
from enrollment.models import AuditEvent, AuditSeal


class Command(PortalCommand):
    help = (
        "核对操作记录的封条链，有改动或缺失时逐条列出并以 1 退出。"
        "末尾的封条请定期抄录到系统以外，日后可用来核对。"
    )

    def handle(self, *args: Any, **options: Any) -> None:
        faults = audit.verify()
        last = AuditSeal.objects.order_by("-pk").first()
        unsealed = AuditEvent.objects.filter(seal__isnull=True).count()
        sealed = AuditSeal.objects.count()
        words = [f"已封存 {sealed:,} 条，待封存 {unsealed:,} 条。"]
        if last:
            words.append(f"末尾封条：第 {last.event_id} 条 {last.hash}")
        words += faults or ["操作记录完整。"]
        self.answer(
            {
                "ok": not faults,
                "sealed": sealed,
                "unsealed": unsealed,
                "last_event": last.event_id if last else None,
                "head": last.hash if last else "",
                "faults": faults,
            },
            "\n".join(words),
        )
        if faults:
            sys.exit(1)
