"""Triggers keep the whole of a waiver: its camera, ticket and evidence as well."""

from django.db import migrations

from taxicab.board.triggers import create_triggers


class Migration(migrations.Migration):
    dependencies = [("board", "0006_allowances_and_minutes")]

    operations = [migrations.RunPython(create_triggers, create_triggers)]
