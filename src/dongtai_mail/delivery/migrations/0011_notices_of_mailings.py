import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('delivery', '0010_tallies_by_list_and_quarter'),
    ]

    operations = [
        migrations.AddField(
            model_name='staffnotice',
            name='mailing',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='delivery.mailing'),
        ),
        migrations.AlterField(
            model_name='staffnotice',
            name='kind',
            field=models.CharField(choices=[('invitation', '邀请'), ('password', '重设密码'), ('password-changed', '密码已改'), ('factors-changed', '两步验证已改'), ('review-requested', '送审'), ('review-returned', '退回'), ('review-approved', '批准'), ('review-revoked', '批准失效'), ('mailing-stopped', '发送已停'), ('mailing-missed', '错过时间')], max_length=20),
        ),
    ]
