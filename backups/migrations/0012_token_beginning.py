from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('backups', '0011_folded_search'),
    ]

    operations = [
        migrations.AddField(
            model_name='apitoken',
            name='beginning',
            field=models.CharField(blank=True, db_default='', default='', max_length=10),
        ),
    ]
