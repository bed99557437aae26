"""Staging needs no write-ahead log: after a crash it is empty and the roster is read again."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("enrollment", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE enrollment_stage SET UNLOGGED",
            "ALTER TABLE enrollment_stage SET LOGGED",
        )
    ]
