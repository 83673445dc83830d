-- The security page lists what was done on the command line, among millions of events of people.
CREATE INDEX audit_log_command_line ON audit_log (idx) WHERE actor_kind = 'command_line';
