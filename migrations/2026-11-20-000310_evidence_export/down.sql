DROP TABLE evidence_reading, evidence_export;
