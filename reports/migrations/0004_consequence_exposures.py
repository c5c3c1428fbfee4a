from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reports', '0003_images_and_consequences'),
    ]

    operations = [
        migrations.AddField(
            model_name='reportconsequence',
            name='exposures',
            field=models.JSONField(default=dict),
        ),
    ]
