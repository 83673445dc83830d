from django.contrib import admin

from .models import AuditLog


@admin.register(AuditLog)
class AuditLogAdmin(admin.ModelAdmin):
    list_display = ("idx", "recorded_at", "kind", "actor_id", "subject_kind", "subject_id", "outcome")
    list_per_page = 50
    ordering = ("-idx",)
