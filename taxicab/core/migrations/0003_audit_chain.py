"""Room for the hash chain of the audit log; 0004 chains what is there."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0002_required_adoptions")]

    operations = [
        migrations.CreateModel(
            name="AuditHead",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveBigIntegerField(default=0)),
                ("sha256", models.CharField(blank=True, max_length=64)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="audit_chain_has_one_head")
                ],
            },
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="at",
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.AddField(
            model_name="auditevent",
            name="number",
            field=models.PositiveBigIntegerField(editable=False, null=True, unique=True),
        ),
        *(
            migrations.AddField(
                model_name="auditevent",
                name=name,
                field=models.CharField(blank=True, editable=False, max_length=64, default=""),
                preserve_default=False,
            )
            for name in ("content_sha256", "previous_sha256", "sha256")
        ),
    ]
