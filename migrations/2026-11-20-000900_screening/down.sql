DROP TABLE screening_disposition;
DROP TABLE screening_hit;
DROP TABLE screening_entry;
DROP TABLE screening_list;
DELETE FROM policy WHERE key = 'kyc.screening';
