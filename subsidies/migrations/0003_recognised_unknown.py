from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('subsidies', '0002_people'),
    ]

    operations = [
        migrations.AlterField(
            model_name='entitlement',
            name='recognised_on',
            field=models.DateField(blank=True, null=True, verbose_name='认定日期'),
        ),
        migrations.AlterField(
            model_name='entitlementevent',
            name='recognised_on',
            field=models.DateField(blank=True, null=True, verbose_name='认定日期'),
        ),
    ]
