"""Triggers keep what was written from deletion, and decision records from editing."""

from django.db import migrations

from taxicab.board.triggers import create_triggers


class Migration(migrations.Migration):
    dependencies = [("board", "0007_whole_waivers")]

    operations = [migrations.RunPython(create_triggers, create_triggers)]
