"""Series without live instances have a small index, so that a walk over all series reads no rows."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("archive", "0002_search")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX series_not_live ON archive_series (id) WHERE instance_count = 0",
            "DROP INDEX series_not_live",
        ),
    ]
