"""正式表格: the official tables, in the form the county's pack gives them, as Excel on A4.

``table`` says what stands where (for a page, a print or a file), ``workbook`` draws it.
"""

from targets.official.drawing import FONT, check_target, workbook, write
from targets.official.making import table
from targets.official.tables import TABLES, Table, form_for

__all__ = ["FONT", "TABLES", "Table", "check_target", "form_for", "table", "workbook", "write"]
