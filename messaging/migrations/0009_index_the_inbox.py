from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False  # conversations go on while the indexes are made

    dependencies = [
        ('messaging', '0008_name_account_of_attempts'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='conversation',
            index=models.Index(condition=models.Q(('last_inbound_at__isnull', False), ('state', 'open'), models.Q(('seen_at__isnull', True), ('seen_at__lt', models.F('last_inbound_at')), _connector='OR')), fields=['location', '-last_message_at', '-id'], name='conversation_unread'),
        ),
        AddIndexConcurrently(
            model_name='conversation',
            index=models.Index(condition=models.Q(('last_inbound_at__isnull', False), ('last_message_at__lte', models.F('last_inbound_at')), ('seen_at__gte', models.F('last_inbound_at')), ('state', 'open')), fields=['location', '-last_message_at', '-id'], name='conversation_unanswered'),
        ),
        AddIndexConcurrently(
            model_name='conversation',
            index=models.Index(condition=models.Q(('assigned_to__isnull', True), ('last_inbound_at__isnull', False), ('state', 'open')), fields=['location', '-last_message_at', '-id'], name='conversation_nobodys'),
        ),
        AddIndexConcurrently(
            model_name='conversation',
            index=models.Index(condition=models.Q(('assigned_to__isnull', False), ('state', 'open')), fields=['assigned_to', 'location'], name='conversation_mine'),
        ),
        AddIndexConcurrently(
            model_name='conversation',
            index=models.Index(condition=models.Q(('state', 'closed')), fields=['location', '-last_message_at', '-id'], name='conversation_closed'),
        ),
        AddIndexConcurrently(
            model_name='conversation',
            index=models.Index(condition=models.Q(('state', 'snoozed')), fields=['location'], name='conversation_resting'),
        ),
    ]
