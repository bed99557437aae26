from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('enrollment', '0008_roster_pages'),
    ]

    operations = [
        migrations.AddField(
            model_name='policyyear',
            name='midyear_refused',
            field=models.BooleanField(blank=True, help_text='空 = 文件没有写，缴费期以外既不受理也不拒绝', null=True, verbose_name='未在缴费期内参保的不得中途参保'),
        ),
        migrations.AddField(
            model_name='policyyear',
            name='midyear_cites',
            field=models.TextField(blank=True, verbose_name='中途参保出处'),
        ),
    ]
