"""Tables and columns by the field's words: what they hold stays."""

from django.db import migrations, models
from django.db.models.deletion import CASCADE


class Migration(migrations.Migration):
    dependencies = [("backups", "0007_one_spelling_of_ids")]

    operations = [
        migrations.RemoveConstraint("quarter", "quarter_once_a_cloud"),
        migrations.RemoveIndex("quarter", "quarter_of_all_clouds"),
        migrations.RenameModel("Quarter", "OutcomeBucket"),
        migrations.RenameField("outcomebucket", "quarter", "quarter_hour"),
        migrations.AddConstraint(
            "outcomebucket",
            models.UniqueConstraint("cloud", "quarter_hour", "counts_from", name="outcome_bucket_once"),
        ),
        migrations.AddIndex("outcomebucket", models.Index("quarter_hour", name="outcome_bucket_time")),
        migrations.RenameModel("Trace", "VolumeContribution"),
        migrations.RenameField("volumecontribution", "quarters", "outcomes"),
        migrations.AlterField(
            "outcomebucket",
            "cloud",
            models.ForeignKey("backups.cloud", CASCADE, db_column="cloud", related_name="outcome_buckets"),
        ),
        migrations.AlterField(
            "volumecontribution",
            "volume",
            models.OneToOneField(
                "backups.volume", CASCADE, primary_key=True, related_name="contribution", serialize=False
            ),
        ),
        migrations.RenameField("cloud", "reading", "type_interpretation"),
        migrations.RenameField("cloud", "openings", "breaker_openings"),
        migrations.RenameField("backup", "flight", "running"),
        migrations.RenameField("backup", "unchanged_looks", "unchanged_polls"),
        migrations.RenameField("edit", "word", "field"),
        migrations.RenameField("volume", "force_period_seconds", "effective_period_seconds"),
        migrations.RenameField("volume", "force_grace_seconds", "effective_grace_seconds"),
        migrations.RenameField("volume", "force_cron", "effective_cron"),
        migrations.RenameField("volume", "force_zone", "effective_zone"),
    ]
