"""The database itself refuses to change or delete an event, whoever asks."""

from django.db import migrations

NAMES = {"update": "audit_event_no_update", "delete": "audit_event_no_delete"}


def add_triggers(apps, schema_editor):
    if schema_editor.connection.vendor != "sqlite":
        return
    for verb, name in NAMES.items():
        schema_editor.execute(
            f"CREATE TRIGGER {name} BEFORE {verb.upper()} ON audit_event "
            "BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END"
        )


def drop_triggers(apps, schema_editor):
    for name in NAMES.values():
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}")


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [migrations.RunPython(add_triggers, drop_triggers)]
