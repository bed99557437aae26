from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("enrollment", "0003_roster_reasons")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="must_change_password",
            field=models.BooleanField(
                default=False,
                help_text="密码由系统管理员给定，本人还没有改过",
                verbose_name="首次登录须改密码",
            ),
        ),
    ]
