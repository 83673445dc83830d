DROP INDEX audit_log_command_line;
