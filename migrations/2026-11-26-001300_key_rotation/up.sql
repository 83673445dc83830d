-- Rotation of the installation's key puts these values under the newest one; everything else of the row stays closed.
GRANT UPDATE (fields) ON parked_form TO signalbox_app;
GRANT UPDATE (ciphertext) ON intake_rejection TO signalbox_app;
