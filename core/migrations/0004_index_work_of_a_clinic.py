from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # work goes on while the index is made

    dependencies = [
        ('core', '0003_index_what_was_opened'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='work',
            index=models.Index(fields=['location_id', '-id'], name='work_location'),
        ),
    ]
