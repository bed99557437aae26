from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("targets", "0002_policy_versions"),
    ]

    operations = [
        migrations.AddField(
            model_name="policydraft",
            name="base",
            field=models.TextField(default="", verbose_name="起草时的政策包"),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="policydraft",
            name="text",
            field=models.TextField(verbose_name="修改后的政策包"),
        ),
    ]
