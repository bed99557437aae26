"""Files on their way in: on disk, in a folder closed to other users, and only so many bytes."""

import tempfile

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from enrollment import store
from enrollment.workbook import LIMITS


class Arriving(UploadedFile):
    """A file being uploaded. ``size`` is what was sent, also where less of it was kept."""

    def __init__(self, name: str, content_type: str | None, charset: str | None) -> None:
        # It goes when it is closed, at the end of the request.
        file = tempfile.NamedTemporaryFile(suffix=".upload", dir=store.workroom())  # noqa: SIM115
        super().__init__(file, name, content_type, 0, charset)

    def temporary_file_path(self) -> str:
        """Where it lies while the request lasts."""
        return self.file.name  # type: ignore[union-attr]


class ClosedFolder(FileUploadHandler):
    """Django's upload to disk, but into the store's own folder and never beyond the limit.

    What is too large is counted and not kept, so that the form can say by how much.
    """

    file: Arriving

    def new_file(self, *args, **kwargs) -> None:
        super().new_file(*args, **kwargs)
        self.file = Arriving(self.file_name or "", self.content_type, self.charset)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if start + len(raw_data) <= LIMITS.size:
            self.file.write(raw_data)

    def file_complete(self, file_size: int) -> Arriving:
        self.file.seek(0)
        self.file.size = file_size
        return self.file

    def upload_interrupted(self) -> None:
        if hasattr(self, "file"):
            self.file.close()
