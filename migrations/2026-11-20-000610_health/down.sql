DROP TABLE event_tally, event_report, indicator_report, sample, probe_change, probe_run, probe_state;
