"""Jobs know their subject by an indexed column; it was one of the parameters."""

from django.db import migrations, models


def fill(apps, schema_editor):
    """Take the delivery of each job over."""
    jobs = apps.get_model("jobs", "Job").objects.filter(name="unpack", subject="")
    for job in jobs.only("parameters").iterator(chunk_size=500):
        job.subject = job.parameters.get("delivery", "")
        job.save(update_fields=["subject"])


class Migration(migrations.Migration):
    """Adds and fills the column."""

    dependencies = [("jobs", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="job",
            name="subject",
            field=models.CharField(blank=True, default="", max_length=64),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(fields=["subject", "created"], name="job_subject"),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
