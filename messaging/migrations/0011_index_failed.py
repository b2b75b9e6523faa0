from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # work goes on while the index is made

    dependencies = [
        ('accounts', '0005_desk_actions'),
        ('bookings', '0005_index_cancelled'),
        ('contacts', '0009_index_lists_of_all'),
        ('integrations', '0010_fail_over_and_pace_accounts'),
        ('messaging', '0010_index_open_talks'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='message',
            index=models.Index(condition=models.Q(('status', 'failed')), fields=['-id'], name='message_failed'),
        ),
    ]
