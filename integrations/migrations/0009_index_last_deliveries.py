from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False  # deliveries keep coming while the indexes are made

    dependencies = [
        ('integrations', '0008_calls_of_the_system'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='outboundcall',
            index=models.Index(condition=models.Q(('state__in', ('unknown', 'parked'))), fields=['state', 'id'], name='call_open'),
        ),
        AddIndexConcurrently(
            model_name='receipt',
            index=models.Index(fields=['account', '-created_at'], name='receipt_heard'),
        ),
    ]
