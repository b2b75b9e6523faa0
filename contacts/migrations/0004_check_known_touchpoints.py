from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    """Looks at the rows that stand without keeping anybody from writing."""

    dependencies = [("contacts", "0003_log_referral_invitations")]

    operations = [ValidateConstraint(model_name="touchpoint", name="touchpoint_type_known")]
