DROP TABLE parked_form, known_device, session;
