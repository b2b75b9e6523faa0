from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # work goes on while the index is made

    dependencies = [
        ('accounts', '0005_desk_actions'),
        ('bookings', '0003_free_the_time_of_no_shows'),
        ('contacts', '0008_contactsearch'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='booking',
            index=models.Index(condition=models.Q(('overlap_accepted', True)), fields=['ends_at'], name='booking_overlap_accepted'),
        ),
    ]
