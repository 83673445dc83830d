DELETE FROM policy WHERE key = 'screening.lists';
DROP TABLE screening_load;
DROP TABLE screening_confirmation;
ALTER TABLE screening_list DROP COLUMN drop_accepted;
ALTER TABLE screening_list DROP COLUMN notes;
ALTER TABLE screening_list DROP COLUMN files;
