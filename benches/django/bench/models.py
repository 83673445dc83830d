from django.db import models


class AuditLog(models.Model):
    """The sealed log as it stands; Django only reads it."""

    idx = models.BigIntegerField(primary_key=True)
    recorded_at = models.DateTimeField()
    kind = models.TextField()
    actor_kind = models.TextField()
    actor_id = models.TextField()
    subject_kind = models.TextField()
    subject_id = models.TextField()
    outcome = models.TextField()

    class Meta:
        managed = False
        db_table = "audit_log"
