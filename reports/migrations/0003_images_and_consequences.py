import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reports', '0002_report_parts'),
    ]

    operations = [
        migrations.CreateModel(
            name='ReportConsequence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('chain', models.TextField()),
                ('now', models.JSONField(default=list)),
                ('then', models.JSONField(default=list)),
                ('nights', models.JSONField(default=list)),
                ('read_at', models.DateTimeField(auto_now=True)),
                ('report', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='consequence', to='reports.verificationreport')),
            ],
        ),
        migrations.CreateModel(
            name='ReportImage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('part', models.CharField(max_length=64)),
                ('label', models.CharField(max_length=64)),
                ('detector', models.IntegerField()),
                ('exposure', models.BigIntegerField(default=0)),
                ('path', models.TextField()),
                ('rank', models.PositiveSmallIntegerField()),
                ('sha256', models.CharField(blank=True, db_index=True, max_length=64)),
                ('report', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='images', to='reports.verificationreport')),
            ],
            options={
                'ordering': ['rank', 'pk'],
                'constraints': [models.UniqueConstraint(fields=('report', 'part', 'detector', 'exposure'), name='report_image_once')],
            },
        ),
    ]
