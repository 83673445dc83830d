DROP TABLE event_receipt, event_source;
