from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # work goes on while the index is made

    dependencies = [
        ('automation', '0009_back_tests'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='actionrun',
            index=models.Index(condition=models.Q(('state', 'done'), ('type', 'notify_staff')), fields=['run_at'], name='actionrun_notices'),
        ),
    ]
