from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # work goes on while the index is made

    dependencies = [
        ('accounts', '0005_desk_actions'),
        ('bookings', '0004_index_accepted_overlaps'),
        ('contacts', '0009_index_lists_of_all'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='booking',
            index=models.Index(condition=models.Q(('status', 'cancelled')), fields=['-appointment_datetime', '-id'], name='booking_cancelled'),
        ),
    ]
