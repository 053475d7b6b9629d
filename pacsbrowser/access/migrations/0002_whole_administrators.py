"""No administrator is limited to institutions: who was becomes an uploader, unless nobody else could manage users."""

from django.db import migrations


def settle(apps, schema_editor):
    """Keep the limit and give up the role; the only administrators there are keep the role instead."""
    administrators = apps.get_model("access", "User").objects.filter(role="administrator")
    limited = administrators.exclude(institutions="")
    if administrators.filter(institutions="", is_active=True).exists():
        limited.update(role="uploader")
    else:
        limited.update(institutions="")


class Migration(migrations.Migration):
    """Changes rows only."""

    dependencies = [("access", "0001_initial")]

    operations = [migrations.RunPython(settle, migrations.RunPython.noop)]
