"""正式表格: the official tables, in the form the county's pack gives them, on A4.

``table`` says what stands where (for a page, a print or a file); ``content`` and ``write`` make it
an Excel workbook, a PDF or a CSV.
"""

from targets.official.drawing import FONT, workbook
from targets.official.files import FILE_FORMS, check_target, content, write
from targets.official.making import table
from targets.official.tables import TABLES, Table, form_for

__all__ = [
    "FILE_FORMS",
    "FONT",
    "TABLES",
    "Table",
    "check_target",
    "content",
    "form_for",
    "table",
    "workbook",
    "write",
]
