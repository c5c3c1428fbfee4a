"""Waivers say up to where they hold; resolutions and minutes name their meeting.

Existing waivers hold up to the value that was waived: these are the terms their
members agreed to, and the terms that decision records already have.
"""

import django.db.models.deletion
from django.db import migrations, models

from taxicab.board.triggers import create_triggers, remove_triggers


def hold_as_agreed(apps, schema_editor):
    """Let each waiver hold up to its value."""
    waivers = apps.get_model("board", "Waiver")
    waivers.objects.update(holds_to=models.F("value"))


def name_meetings(apps, schema_editor):
    """Turn the day of a meeting into the meeting; a day without one stays in words."""
    objections = apps.get_model("board", "Objection")
    meetings = apps.get_model("board", "Meeting")
    known = {meeting.day.isoformat(): meeting.pk for meeting in meetings.objects.all()}
    for row in objections.objects.exclude(day=""):
        row.meeting_id = known.get(row.day)
        if row.meeting_id is None:
            row.ending = f"{row.ending} (At the meeting of {row.day}.)"
        row.save(update_fields=["meeting_id", "ending"])


def name_days(apps, schema_editor):
    """Turn the meeting back into its day."""
    objections = apps.get_model("board", "Objection")
    for row in objections.objects.exclude(meeting=None).select_related("meeting"):
        row.day = row.meeting.day.isoformat()
        row.save(update_fields=["day"])


SIGNED = [
    ("content", models.TextField()),
    ("sha256", models.CharField(max_length=64)),
    ("key_id", models.CharField(blank=True, max_length=16)),
    ("signature", models.CharField(blank=True, max_length=128)),
    ("made_at", models.DateTimeField(auto_now_add=True)),
]


class Migration(migrations.Migration):
    dependencies = [("board", "0005_decision_records")]

    operations = [
        migrations.RunPython(remove_triggers, create_triggers),
        migrations.AddField("waiver", "tests", models.JSONField(default=list)),
        migrations.AddField("waiver", "holds_to", models.FloatField(null=True)),
        migrations.RunPython(hold_as_agreed, migrations.RunPython.noop),
        migrations.AddConstraint(
            "waiver",
            models.CheckConstraint(
                condition=models.Q(value=None, holds_to=None)
                | models.Q(value__isnull=False, holds_to__gte=models.F("value")),
                name="waiver_holds_for_its_value",
            ),
        ),
        migrations.RenameField("objection", "meeting", "day"),
        migrations.AddField(
            "objection",
            "meeting",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="resolved_objections",
                to="board.meeting",
            ),
        ),
        migrations.RunPython(name_meetings, name_days),
        migrations.RemoveField("objection", "day"),
        migrations.CreateModel(
            name="DecisionAddendum",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                *SIGNED,
                (
                    "decision",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="addenda",
                        to="board.decisionrecord",
                    ),
                ),
                (
                    "meeting",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="addenda",
                        to="board.meeting",
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(signature="", key_id="")
                        | (~models.Q(signature="") & ~models.Q(key_id="")),
                        name="addendum_signature_names_its_key",
                    ),
                    models.UniqueConstraint(
                        fields=["decision", "meeting"], name="minutes_once_a_record"
                    ),
                ],
            },
        ),
        migrations.RunPython(create_triggers, remove_triggers),
    ]
