"""The peer: the same register through django-import-export, preview pass and matching by ID.

    python -m benchmarks.peer FILE --dsn URL [--fastest]

The peer's job is the easier one: IDs in clear, no check of a number, no history, no row's fate.
Measured are its steps: the workbook read by tablib, a dry run for the preview, the import itself;
as it comes (a SELECT and a save per row) or at its fastest (bulk, cached instances, no diff).
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import django
from django.conf import settings


def configure(dsn: str) -> None:
    """Django for one model and the peer, on the database of the benchmark."""
    parts = urlsplit(dsn)
    settings.configure(
        INSTALLED_APPS=["import_export"],
        USE_TZ=True,
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": unquote(parts.path.removeprefix("/")),
                "USER": unquote(parts.username or ""),
                "PASSWORD": unquote(parts.password or ""),
                "HOST": parse_qs(parts.query).get("host", [parts.hostname or ""])[0],
                "PORT": str(parts.port or ""),
            }
        },
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    django.setup()


def measure(path: Path, *, fastest: bool) -> dict[str, Any]:
    """Rows, and seconds of each step."""
    # Models can be declared once Django is set up, and not before.
    from django.db import connection, models  # noqa: PLC0415
    from import_export import fields, resources  # noqa: PLC0415
    from import_export.instance_loaders import CachedInstanceLoader  # noqa: PLC0415
    from tablib import Dataset  # noqa: PLC0415

    class Resident(models.Model):
        number = models.CharField(max_length=18, unique=True)
        name = models.CharField(max_length=60)
        sex = models.CharField(max_length=1)
        birth = models.DateField(null=True)
        household = models.CharField(max_length=40)
        relation = models.CharField(max_length=20)
        town = models.CharField(max_length=40)
        village = models.CharField(max_length=40)
        address = models.CharField(max_length=200)
        phone = models.CharField(max_length=30, null=True)  # noqa: DJ001

        class Meta:
            app_label = "import_export"  # the one app installed
            db_table = "peer_resident"

    columns = {
        "number": "公民身份号码", "name": "姓名", "sex": "性别", "birth": "出生日期",
        "household": "户号", "relation": "与户主关系", "town": "乡镇", "village": "村（居）",
        "address": "住址", "phone": "联系电话",
    }  # fmt: skip

    def resource(**options: object) -> resources.ModelResource:
        given = {"model": Resident, "import_id_fields": ["number"], "fields": list(columns)}
        declared = {
            field: fields.Field(attribute=field, column_name=heading)
            for field, heading in columns.items()
        }
        meta = type("Meta", (), given | options)
        return type("Register", (resources.ModelResource,), {**declared, "Meta": meta})()

    register = resource()
    if fastest:
        register = resource(
            use_bulk=True,
            batch_size=2000,
            skip_diff=True,
            skip_html_diff=True,
            instance_loader_class=CachedInstanceLoader,
        )
    with connection.schema_editor() as editor:
        editor.create_model(Resident)
    try:
        steps = {}
        began = time.perf_counter()
        with path.open("rb") as file:
            rows = Dataset().load(file, format="xlsx")
        steps["read"] = time.perf_counter() - began
        for step, dry in (("preview", True), ("import", False)):
            began = time.perf_counter()
            result = register.import_data(rows, dry_run=dry, raise_errors=True)
            steps[step] = time.perf_counter() - began
        assert result.totals["new"] == len(rows) == Resident.objects.count()
        return {"rows": len(rows), "steps": steps}
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(Resident)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure django-import-export on a register.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--fastest", action="store_true")
    options = parser.parse_args()
    configure(options.dsn)
    print(json.dumps(measure(options.file, fastest=options.fastest)))


if __name__ == "__main__":
    main()
