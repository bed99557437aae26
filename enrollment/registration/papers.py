"""附件: photos and PDFs of proofs, sealed in the store and deleted when their time is over."""

from collections.abc import Iterator
from datetime import timedelta

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone

from enrollment import audit, store
from enrollment.failure import Failure
from enrollment.models import (
    Objection,
    Paper,
    Person,
    PolicyYear,
    RefundRequest,
    StatusRecord,
    User,
)
from enrollment.registration import common

LIMIT = 8 << 20
"""Bytes of one file."""
MOST = 12
"""Papers of one person in one year."""
KEPT_DAYS = 180
"""Days a paper is kept; a proof is looked at once and is not an archive."""

MAGIC = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"%PDF-": "application/pdf",
}
SUFFIX = {"image/jpeg": ".jpg", "image/png": ".png", "application/pdf": ".pdf"}


def kind_of(head: bytes) -> str:
    """The media type by a file's first bytes; "" for anything we do not take."""
    return next((media for magic, media in MAGIC.items() if head.startswith(magic)), "")


@transaction.atomic
def attach(
    policy_year: PolicyYear,
    person: Person,
    *,
    file: UploadedFile,
    title: str,
    by: User,
    status_record: StatusRecord | None = None,
    objection: Objection | None = None,
    refund: RefundRequest | None = None,
    address: str = "",
) -> Paper:
    """Keep a paper. Raises Failure where it is no picture or PDF, or too large."""
    common.require_person(policy_year, person, by)
    size = file.size or 0
    if not size:
        raise Failure("file", "附件是空的，请重新选择")
    if size > LIMIT:
        raise Failure("file", f"附件不能超过 {LIMIT >> 20} MB，请拍小一些或分开上传")
    file.seek(0)
    media = kind_of(file.read(8))
    if not media:
        raise Failure("file", "附件只收照片（JPG、PNG）和 PDF，文件内容不是这几种")
    standing = Paper.objects.filter(
        policy_year=policy_year, person=person, deleted_at__isnull=True
    ).count()
    if standing >= MOST:
        raise Failure("many", f"一个人一个年度最多保存 {MOST} 个附件")
    file.seek(0)
    folder = f"{policy_year.county.key}/{policy_year.year}/papers"
    stored = store.put(file, folder=folder)  # type: ignore[arg-type]
    paper = Paper.objects.create(
        **common.same_place(person),
        policy_year=policy_year,
        person=person,
        status_record=status_record,
        objection=objection,
        refund=refund,
        title=common.sentence(title, most=60, what="附件名称"),
        stored=stored,
        media_type=media,
        size=size,
        keep_until=timezone.localdate() + timedelta(days=KEPT_DAYS),
        uploaded_by=by,
    )
    common.record("attach_paper", person, by=by, address=address, subject=paper.title)
    return paper


def look(paper: Paper, *, by: User, address: str = "") -> Iterator[bytes]:
    """The paper's content, with who looked on record. Raises Failure where it is gone."""
    if paper.deleted_at or not paper.stored:
        raise Failure("gone", f"附件已按期删除（保存至 {paper.keep_until}）")
    with transaction.atomic():
        common.record("open_paper", paper.person, by=by, address=address, subject=paper.title)
    return store.stream(paper.stored)


def forget() -> int:
    """Delete what has been kept long enough; the row says that there was a paper. Nightly."""
    due = Paper.objects.filter(deleted_at__isnull=True, keep_until__lt=timezone.localdate())
    done = 0
    for paper in due.select_related("county").iterator(chunk_size=200):
        store.remove(paper.stored)
        with transaction.atomic():
            Paper.objects.filter(pk=paper.pk).update(stored="", deleted_at=timezone.now())
            audit.record(
                "forget_paper",
                by=None,
                county=paper.county,
                subject=paper.title,
                person_id=paper.person_id,
            )
        done += 1
    return done
