from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("subscribers", "0010_who_left_by_a_mailing"),
    ]

    operations = [
        migrations.AddField(
            model_name="importrun",
            name="worker",
            field=models.CharField(blank=True, db_default="", max_length=32),
        ),
        migrations.AlterField(
            model_name="importrun",
            name="state",
            field=models.CharField(
                choices=[
                    ("uploaded", "待核对"),
                    ("checking", "正在检查"),
                    ("checked", "已检查，待导入"),
                    ("running", "正在导入"),
                    ("done", "已导入"),
                    ("undoing", "撤销未完成"),
                    ("undone", "已撤销"),
                    ("failed", "未能导入"),
                ],
                default="uploaded",
                max_length=10,
            ),
        ),
    ]
